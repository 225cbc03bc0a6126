package superset

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// The places of a layout that no other holds, or that are none
// (superset-frontend/src/dashboard/util/constants.ts of 6.1.0).
const (
	rootPlace    = "ROOT_ID"
	headerPlace  = "HEADER_ID"
	gridPlace    = "GRID_ID" // held by nothing when the dashboard has tabs
	layoutFormat = "DASHBOARD_VERSION_KEY"
)

// checkLayout says what is wrong with a dashboard's position: the browser walks it
// from ROOT_ID by children, and a place that is named and not there stops it, one
// that stands twice or nowhere is shown wrongly or not at all. Parents are a copy
// that Superset's own examples have wrong here and there; a merge must not add to it.
// An empty layout is right: the server makes one.
func checkLayout(position *yaml.Node) []string {
	if !asset.IsMap(position) || len(position.Content) == 0 {
		return nil
	}
	c := layoutCheck{position: position, holders: map[string][]string{}}
	if asset.Get(position, rootPlace) == nil {
		c.wrong = append(c.wrong, rootPlace+" is missing")
	}
	for key, place := range asset.Each(position) {
		c.children(key, place)
	}
	for key, place := range asset.Each(position) {
		c.place(key, place)
	}
	slices.Sort(c.wrong)
	return c.wrong
}

type layoutCheck struct {
	position *yaml.Node
	holders  map[string][]string // by the place that is held
	wrong    []string
}

func (c *layoutCheck) say(format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, args...))
}

func (c *layoutCheck) children(key string, place *yaml.Node) {
	for _, child := range items(asset.Get(place, "children")) {
		c.holders[child.Value] = append(c.holders[child.Value], key)
		if asset.Get(c.position, child.Value) == nil {
			c.say("%s holds %s, which is not there", key, child.Value)
		}
	}
}

func (c *layoutCheck) place(key string, place *yaml.Node) {
	if key == layoutFormat {
		return
	}
	if id := asset.Get(place, "id"); id != nil && id.Value != key {
		c.say("%s calls itself %s", key, id.Value)
	}
	holders := c.holders[key]
	slices.Sort(holders)
	parents := items(asset.Get(place, "parents"))
	switch {
	case key == rootPlace || key == headerPlace:
		if len(holders) > 0 {
			c.say("%s stands in %s", key, holders[0])
		}
	case len(holders) == 0 && key == gridPlace:
	case len(holders) == 0:
		c.say("%s stands nowhere", key)
	case len(holders) > 1:
		c.say("%s stands in %s and in %s", key, holders[0], holders[1])
	case len(parents) > 0 && parents[len(parents)-1].Value != holders[0]:
		c.say("%s stands in %s and says %s", key, holders[0], parents[len(parents)-1].Value)
	}
}
