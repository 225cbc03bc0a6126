package normalize

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// AccessKey is what may stand under one key of a kind's access section.
//
// A key that is there was read or written by somebody and says all there is to
// say: "owners: []" is nobody. A key that is not there says nothing, and the server
// keeps what it has (merge.Unsaid).
type AccessKey struct {
	Key string
	Why string // for people: where it comes from
	// Tidy makes a value the one form of it, in place, or says what is wrong with it.
	Tidy func(v *yaml.Node) error
}

// tidyAccess brings the access section into canonical form. A kind without access
// keys has its section left as it is.
func (d *Doc) tidyAccess(keys []AccessKey) error {
	if d.access == nil || len(keys) == 0 {
		return nil
	}
	if len(d.access.Content) == 0 { // says nothing
		d.access = nil
		return nil
	}
	for name, v := range asset.Each(d.access) {
		i := slices.IndexFunc(keys, func(k AccessKey) bool { return k.Key == name })
		if i < 0 {
			return fmt.Errorf("access.%s: unknown key, known are %s", name, accessKeys(keys))
		}
		if err := keys[i].Tidy(v); err != nil {
			return fmt.Errorf("access.%s: %w", name, err)
		}
	}
	return nil
}

func accessKeys(keys []AccessKey) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Key
	}
	return strings.Join(names, ", ")
}

// TidyNames is for a set of names: sorted, each once, without blanks around it.
func TidyNames(v *yaml.Node) error {
	if !asset.IsSeq(v) {
		return errors.New("must be a list; [] is none")
	}
	names := make([]string, 0, len(v.Content))
	for _, n := range v.Content {
		name := strings.TrimSpace(asset.Text(n))
		if name == "" {
			return errors.New("every element must be text, in quotes where it looks like a number or truth value")
		}
		names = append(names, name)
	}
	slices.Sort(names)
	v.Content = nil
	for _, name := range slices.Compact(names) {
		v.Content = append(v.Content, asset.Str(name))
	}
	return nil
}

// TidyFlag is for true and false.
func TidyFlag(v *yaml.Node) error {
	if v.Kind != yaml.ScalarNode || v.Tag != asset.TagBool {
		return errors.New("must be true or false")
	}
	return nil
}
