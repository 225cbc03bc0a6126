package asset

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// sortedKeys lists the positions of n's keys in canonical order. A key that
// stands twice is an error.
func sortedKeys(n *yaml.Node, top bool) ([]int, error) {
	if len(n.Content)%2 != 0 {
		return nil, errors.New("a mapping has a key without a value")
	}
	keys := make([]int, 0, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i] == nil {
			return nil, errors.New("a key is missing (nil node)")
		}
		keys = append(keys, i)
	}
	slices.SortFunc(keys, func(a, b int) int {
		x, y := n.Content[a].Value, n.Content[b].Value
		if top {
			if c := headerRank(x) - headerRank(y); c != 0 {
				return c
			}
		}
		return strings.Compare(x, y)
	})
	for j := 1; j < len(keys); j++ {
		if n.Content[keys[j-1]].Value == n.Content[keys[j]].Value {
			return nil, fmt.Errorf("the key %s stands twice in one mapping", quoteShort(duplicateKey(n).Value))
		}
	}
	return keys, nil
}

func headerRank(key string) int {
	if i := slices.Index(headerOrder[:], key); i >= 0 {
		return i
	}
	return len(headerOrder)
}

// duplicateKey returns the second of two keys with one text, whatever their
// types: 1 and "1" are two keys to YAML and one to JSON, a JSON pointer and a reader.
func duplicateKey(n *yaml.Node) *yaml.Node {
	sorted := true
	for i := 2; i < len(n.Content) && sorted; i += 2 {
		sorted = n.Content[i-2].Value < n.Content[i].Value
	}
	if sorted {
		return nil
	}
	if len(n.Content) <= 2*fewKeys {
		for i := 2; i < len(n.Content); i += 2 {
			for j := 0; j < i; j += 2 {
				if n.Content[i].Value == n.Content[j].Value {
					return n.Content[i]
				}
			}
		}
		return nil
	}
	seen := make(map[string]struct{}, len(n.Content)/2)
	for i := 0; i < len(n.Content); i += 2 {
		if _, dup := seen[n.Content[i].Value]; dup {
			return n.Content[i]
		}
		seen[n.Content[i].Value] = struct{}{}
	}
	return nil
}

// keyIndex finds keys among pairs. Up to some number it is quicker to look at
// them all.
type keyIndex struct {
	pairs []*yaml.Node
	at    map[string]int
}

func indexKeys(pairs []*yaml.Node) keyIndex {
	x := keyIndex{pairs: pairs}
	if len(pairs) > 2*fewKeys {
		x.at = make(map[string]int, len(pairs)/2)
		for i := 0; i+1 < len(pairs); i += 2 {
			x.at[pairs[i].Value] = i
		}
	}
	return x
}

// find returns the position of a key in pairs, -1 when it is not there.
func (x keyIndex) find(key string) int {
	if x.at != nil {
		if i, ok := x.at[key]; ok {
			return i
		}
		return -1
	}
	for i := len(x.pairs) - 2; i >= 0; i -= 2 {
		if x.pairs[i].Value == key {
			return i
		}
	}
	return -1
}

// fewKeys is how many keys are sooner compared with each other than put in a map.
const fewKeys = 16
