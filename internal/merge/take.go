package merge

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// Take returns dst with the values at pointers as they are in src; what is absent
// in src is removed. It serves values that a read could not see (Asset.Unread)
// and single conflicts that are settled for the other side. A position in a
// list means dst's list; its element in src is found by identity where the lists
// have one. An absent src (nil) has no values to give, so dst comes back as it is.
func Take(dst, src []byte, pointers []string) ([]byte, error) {
	pointers = slices.DeleteFunc(slices.Clone(pointers), func(p string) bool { return onNeither(dst, src, p) })
	if dst == nil || src == nil || len(pointers) == 0 {
		return dst, nil
	}
	d, err := parse("destination", dst)
	if err != nil {
		return nil, err
	}
	s, err := parse("source", src)
	if err != nil {
		return nil, err
	}
	places := make([][]string, len(pointers))
	for i, p := range pointers {
		if places[i], err = asset.Split(p); err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
		if len(places[i]) == 0 {
			return encode(s)
		}
	}
	slices.SortFunc(places, lastFirst)
	for _, keys := range places {
		take(d, s, keys)
	}
	return encode(d)
}

var plainKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// onNeither reports whether a plain look at the texts shows that neither document
// has a value there: the usual case for what a server does not show, and a thousand
// times cheaper than parsing.
func onNeither(dst, src []byte, pointer string) bool {
	key := pointer[strings.LastIndexByte(pointer, '/')+1:]
	return plainKey.MatchString(key) && !bytes.Contains(dst, []byte(key)) && !bytes.Contains(src, []byte(key))
}

// lastFirst orders pointers so that removing one element of a list does not move
// those still to come.
func lastFirst(a, b []string) int {
	return slices.CompareFunc(b, a, func(x, y string) int {
		i, errX := strconv.Atoi(x)
		j, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return i - j
		}
		return strings.Compare(x, y)
	})
}

// take walks both documents side by side. src is nil below what it does not have.
func take(dst, src *yaml.Node, keys []string) {
	key, there := keys[0], keys[0]
	if asset.IsSeq(dst) {
		there = counterpart(dst, src, key)
	}
	d, s := asset.Get(dst, key), asset.Get(src, there)
	if len(keys) > 1 {
		if d == nil {
			if !asset.IsMap(s) || !asset.IsMap(dst) || asset.Get(s, keys[1:]...) == nil {
				return // nothing to take, or a list that dst lacks as a whole
			}
			d = asset.Map()
			asset.Put(dst, d, key)
		}
		take(d, s, keys[1:])
		return
	}
	switch {
	case s != nil && d != nil:
		asset.Put(dst, asset.Clone(s), key)
	case s != nil && asset.IsSeq(dst):
		dst.Content = append(dst.Content, asset.Clone(s))
	case s != nil:
		asset.Put(dst, asset.Clone(s), key)
	default:
		asset.Delete(dst, key)
	}
}

// counterpart names in src the list element that key names in dst.
func counterpart(dst, src *yaml.Node, key string) string {
	if _, err := strconv.Atoi(key); err != nil {
		return key
	}
	field, ok := asset.Identity(dst, src)
	if !ok {
		return key
	}
	if id := asset.ElementID(asset.Get(dst, key), field); id != "" {
		return field + "=" + id
	}
	return key
}
