package supersettest

import (
	"slices"
)

// A value is what Python holds after reading JSON or YAML: nil, bool, string,
// number, date, []any or *object.

// number is a number as Python prints it, so that 1.0 stays 1.0.
type number string

// date is a YAML 1.1 timestamp. Python's JSON writer refuses it.
type date string

// object is a mapping in insertion order, as Python's dict is.
type object struct {
	keys []string
	vals map[string]any
}

func newObject() *object { return &object{vals: map[string]any{}} }

func (o *object) get(key string) any {
	if o == nil {
		return nil
	}
	return o.vals[key]
}

func (o *object) has(key string) bool {
	if o == nil {
		return false
	}
	_, ok := o.vals[key]
	return ok
}

func (o *object) set(key string, v any) {
	if _, ok := o.vals[key]; !ok {
		o.keys = append(o.keys, key)
	}
	o.vals[key] = v
}

func (o *object) del(key string) any {
	v, ok := o.vals[key]
	if ok {
		delete(o.vals, key)
		o.keys = slices.DeleteFunc(o.keys, func(k string) bool { return k == key })
	}
	return v
}

// str returns a string member, "" when it is something else.
func (o *object) str(key string) string { s, _ := o.get(key).(string); return s }

func (o *object) obj(key string) *object { v, _ := o.get(key).(*object); return v }

func (o *object) list(key string) []any { v, _ := o.get(key).([]any); return v }

// clone copies deeply.
func clone(v any) any {
	switch v := v.(type) {
	case *object:
		c := newObject()
		for _, k := range v.keys {
			c.set(k, clone(v.vals[k]))
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i := range v {
			c[i] = clone(v[i])
		}
		return c
	}
	return v
}
