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
	if c := (comparison{said: e.said}); read(e.out, &c) && len(c.said) == 0 {
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

// comparison is the sink that compares what is read with what was said, without
// making nodes of it. Kinds, values and the numbers of parts, in the order of the
// text, are all there is to a tree.
type comparison struct {
	said   []*yaml.Node // and not read yet
	opened []*yaml.Node
	parts  []int // read so far, of each that is open
}

// next is what must be read next.
func (c *comparison) next(kind yaml.Kind) *yaml.Node {
	if len(c.said) == 0 || c.said[0].Kind != kind {
		return nil
	}
	n := c.said[0]
	c.said = c.said[1:]
	if last := len(c.parts) - 1; last >= 0 {
		c.parts[last]++
	}
	return n
}

func (c *comparison) scalar(s scalar) bool {
	n := c.next(yaml.ScalarNode)
	return n != nil && (n.Tag == s.tag && n.Value == s.text || equalScalar(n, scalarNode(s.tag, s.text)))
}

func (c *comparison) open(kind yaml.Kind, _ position) bool {
	n := c.next(kind)
	c.opened, c.parts = append(c.opened, n), append(c.parts, 0)
	return n != nil
}

func (c *comparison) close() bool {
	last := len(c.opened) - 1
	ok := c.parts[last] == len(c.opened[last].Content)
	c.opened, c.parts = c.opened[:last], c.parts[:last]
	return ok
}
