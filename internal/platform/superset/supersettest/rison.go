package supersettest

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var (
	errRison    = errors.New("not a rison value")
	risonNumber = regexp.MustCompile(`^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e-?[0-9]+)?$`)
)

// parseRison reads the query language of Flask-AppBuilder's `q` parameter.
func parseRison(s string) (any, error) {
	p := &rison{s: s}
	v, err := p.value(0)
	if err != nil {
		return nil, err
	}
	if p.i != len(p.s) {
		return nil, errRison
	}
	return v, nil
}

type rison struct {
	s string
	i int
}

func (p *rison) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *rison) value(depth int) (any, error) {
	if depth > 50 {
		return nil, errRison
	}
	switch {
	case strings.HasPrefix(p.s[p.i:], "!("):
		p.i += 2
		return p.list(depth)
	case p.peek() == '!':
		p.i += 2
		switch p.s[min(p.i-1, len(p.s)-1)] {
		case 't':
			return true, nil
		case 'f':
			return false, nil
		case 'n':
			return nil, nil
		}
		return nil, errRison
	case p.peek() == '(':
		p.i++
		return p.object(depth)
	case p.peek() == '\'':
		p.i++
		return p.quoted()
	}
	return p.bare()
}

func (p *rison) list(depth int) (any, error) {
	list := []any{}
	for {
		if p.peek() == ')' {
			p.i++
			return list, nil
		}
		if len(list) > 0 {
			if p.peek() != ',' {
				return nil, errRison
			}
			p.i++
		}
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
}

func (p *rison) object(depth int) (any, error) {
	o := newObject()
	for {
		if p.peek() == ')' {
			p.i++
			return o, nil
		}
		if len(o.keys) > 0 {
			if p.peek() != ',' {
				return nil, errRison
			}
			p.i++
		}
		k, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		if p.peek() != ':' {
			return nil, errRison
		}
		p.i++
		v, err := p.value(depth + 1)
		if err != nil {
			return nil, err
		}
		o.set(fmt.Sprint(k), v)
	}
}

func (p *rison) quoted() (any, error) {
	var b strings.Builder
	for p.i < len(p.s) {
		c := p.s[p.i]
		p.i++
		switch c {
		case '\'':
			return b.String(), nil
		case '!':
			if p.i >= len(p.s) {
				return nil, errRison
			}
			b.WriteByte(p.s[p.i])
			p.i++
		default:
			b.WriteByte(c)
		}
	}
	return nil, errRison
}

func (p *rison) bare() (any, error) {
	start := p.i
	for p.i < len(p.s) && !strings.ContainsRune(" '!:(),*@$", rune(p.s[p.i])) {
		p.i++
	}
	word := p.s[start:p.i]
	switch {
	case word == "":
		return nil, errRison
	case risonNumber.MatchString(word):
		return pyNumber(word), nil
	}
	return word, nil
}
