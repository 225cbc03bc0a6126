package superset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// The reasons of the importers' schemas (marshmallow) that the same document
// without one field, or with it as text, does not meet.
const (
	unknownField = "Unknown field."
	notText      = "Not a valid string."
)

// fit changes what is sent of a job so that the server's reasons for refusing it
// are gone: fields it does not know are left out and named, and a mapping it wants
// as text becomes JSON text (metrics[].currency before 6.0.0). False, and nothing is
// changed, when there is any other reason: then the asset is refused as a whole.
//
// The rule table's Since leaves out beforehand what is known to be unknown; this is
// for the versions and fields the table has not heard of.
func (im *importing) fit(j *job, reason json.RawMessage) bool {
	places, ok := fieldReasons(reason)
	if !ok {
		return false
	}
	for _, p := range places {
		n := asset.Get(j.node, p.keys...)
		if n == nil || p.why == notText && !asset.IsMap(n) {
			return false
		}
	}
	for _, p := range places {
		if p.why == notText {
			text, err := asset.ToJSON(asset.Get(j.node, p.keys...))
			if err != nil {
				return false
			}
			*asset.Get(j.node, p.keys...) = *asset.Str(text)
			continue
		}
		im.leaveOut(j, p.keys)
	}
	return true
}

// leaveOut takes a field out of what is sent, and says so unless it was only a
// default that the rules had filled in.
func (im *importing) leaveOut(j *job, keys []string) {
	keys = namedKeys(j.node, keys)
	r := im.results[j.id()]
	if asset.Get(j.doc.Spec, keys...) != nil {
		at := asset.Pointer(append([]string{"spec"}, keys...)...)
		r.Omitted = slices.DeleteFunc(r.Omitted, func(n asset.Note) bool { return n.Path == at }) // named once
		r.Omitted = append(r.Omitted, asset.Note{ID: j.id(), Path: at,
			Text: fmt.Sprintf("this server%s does not know this field", im.versionText())})
	}
	asset.Delete(j.node, keys...)
}

func (im *importing) versionText() string {
	if im.version == "" {
		return ""
	}
	return " (" + im.version + ")"
}

// namedKeys replaces positions in lists by the identity of the element, where it
// has one: the lists of the canonical document are in another order.
func namedKeys(root *yaml.Node, keys []string) []string {
	out := slices.Clone(keys)
	n := root
	for i, k := range keys {
		if asset.IsSeq(n) {
			if field, ok := asset.Identity(n); ok {
				out[i] = field + "=" + asset.ElementID(asset.Get(n, k), field)
			}
		}
		n = asset.Get(n, k)
	}
	return out
}

// fieldReason is one field at fault.
type fieldReason struct {
	keys []string
	why  string
}

// fieldReasons reads {"columns": {"0": {"datetime_format": ["Unknown field."]}}}. ok
// is false when one of the reasons is not about a field that can be fitted.
func fieldReasons(raw json.RawMessage, at ...string) (out []fieldReason, ok bool) {
	var messages []string
	if json.Unmarshal(raw, &messages) == nil {
		if len(messages) != 1 || len(at) == 0 || messages[0] != unknownField && messages[0] != notText {
			return nil, false
		}
		return []fieldReason{{slices.Clone(at), messages[0]}}, true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || len(fields) == 0 {
		return nil, false
	}
	for _, f := range slices.Sorted(maps.Keys(fields)) {
		below, ok := fieldReasons(fields[f], append(at[:len(at):len(at)], f)...)
		if !ok {
			return nil, false
		}
		out = append(out, below...)
	}
	return out, true
}
