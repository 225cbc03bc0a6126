package asset

import (
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"
)

// readBack reads what was written and compares it with doc.
func (e *emitter) readBack(doc *yaml.Node) error {
	if err := precheck(e.out); err != nil {
		return fmt.Errorf("the written form does not parse: %w", err)
	}
	if compares(e.out, e.said) {
		return nil
	}
	back, err := Parse(e.out)
	if err != nil {
		return fmt.Errorf("the written form does not parse: %w", err)
	}
	if !Equal(doc, back) {
		return errors.New("the written form reads back with other values")
	}
	return nil
}

// compares reports whether text reads as what was said, as far as it can tell.
func compares(text []byte, said []*yaml.Node) bool {
	c := comparison{said: said, opened: make([]parts, 0, 16)}
	return read(text, &c) && len(c.said) == 0
}

// comparison is the sink that compares what is read with what was said, without
// making nodes of it. Kinds, values and the numbers of parts, in the order of the
// text, are all there is to a tree.
type comparison struct {
	said   []*yaml.Node // and not read yet
	opened []parts
}

// parts counts those of a container.
type parts struct{ want, have int }

// next is what must be read next, nil when that is of another kind.
func (c *comparison) next(kind yaml.Kind) *yaml.Node {
	if len(c.said) == 0 || c.said[0].Kind != kind {
		return nil
	}
	n := c.said[0]
	c.said = c.said[1:]
	if last := len(c.opened) - 1; last >= 0 {
		c.opened[last].have++
	}
	return n
}

func (c *comparison) scalar(s scalar) bool {
	n := c.next(yaml.ScalarNode)
	return n != nil && (n.Tag == s.tag && n.Value == s.text || equalScalar(n, scalarNode(s.tag, s.text)))
}

func (c *comparison) open(kind yaml.Kind, _ position) bool {
	n := c.next(kind)
	if n == nil {
		return false
	}
	c.opened = append(c.opened, parts{want: len(n.Content)})
	return true
}

func (c *comparison) close() bool {
	last := c.opened[len(c.opened)-1]
	c.opened = c.opened[:len(c.opened)-1]
	return last.want == last.have
}
