package repo

// baseCache remembers what deltas were made of: the versions of a file or folder
// stand in chains. When the younger half is full, the older one is forgotten.
type baseCache struct {
	young, old map[packPlace]recentObject
	held       int // bytes of young
}

type packPlace struct {
	pack *pack
	off  int64
}

const baseCacheHalf = 16 << 20

func (c *baseCache) get(at packPlace) (recentObject, bool) {
	if o, ok := c.young[at]; ok {
		return o, true
	}
	o, ok := c.old[at]
	if ok {
		c.put(at, o)
	}
	return o, ok
}

func (c *baseCache) put(at packPlace, o recentObject) {
	if len(o.data) > baseCacheHalf/4 {
		return
	}
	if c.young == nil || c.held+len(o.data) > baseCacheHalf {
		c.young, c.old, c.held = map[packPlace]recentObject{}, c.young, 0
	}
	c.young[at] = o
	c.held += len(o.data)
}
