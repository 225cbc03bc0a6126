package repo

import (
	"cmp"
	"container/heap"
	"context"
	"slices"
)

// frontier is a walk through commits, youngest first.
type frontier struct {
	obj  *objects
	heap []queued
	seen map[oid]bool
}

type queued struct {
	id   oid
	c    *commitObject
	mark bool // reachable from the other side
}

func (f *frontier) Len() int { return len(f.heap) }
func (f *frontier) Less(i, j int) bool {
	a, b := f.heap[i].c.committer.When, f.heap[j].c.committer.When
	return a.After(b)
}
func (f *frontier) Swap(i, j int) { f.heap[i], f.heap[j] = f.heap[j], f.heap[i] }
func (f *frontier) Push(x any)    { f.heap = append(f.heap, x.(queued)) }
func (f *frontier) Pop() any {
	last := f.heap[len(f.heap)-1]
	f.heap = f.heap[:len(f.heap)-1]
	return last
}

func (f *frontier) add(id oid, mark bool) error {
	if f.seen[id] {
		return nil
	}
	f.seen[id] = true
	c, err := f.obj.commit(id)
	if err != nil {
		return err
	}
	heap.Push(f, queued{id, c, mark})
	return nil
}

func (f *frontier) next() queued { return heap.Pop(f).(queued) }

func (o *objects) walk() *frontier { return &frontier{obj: o, seen: map[oid]bool{}} }

// isAncestor reports whether a is b or in its history. Clocks are only used to
// find the answer sooner.
func (o *objects) isAncestor(ctx context.Context, a, b oid) (bool, error) {
	if a == b || a.IsZero() {
		return true, nil
	}
	if b.IsZero() {
		return false, nil
	}
	if known, err := o.has(a); err != nil || !known {
		return false, err
	}
	w := o.walk()
	if err := w.add(b, false); err != nil {
		return false, err
	}
	for w.Len() > 0 {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		q := w.next()
		for _, p := range q.c.parents {
			if p == a {
				return true, nil
			}
			if err := w.add(p, false); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// between returns the commits reachable from tips and not from have, parents
// before children. Histories that run back in time cost time, or send a commit
// too many, and never one too few.
func (o *objects) between(ctx context.Context, tips, have []oid) ([]oid, error) {
	marks := map[oid]bool{}
	w := o.walk()
	for _, id := range have {
		marks[id] = true
		if err := w.add(id, true); err != nil {
			return nil, err
		}
	}
	for _, id := range tips {
		if err := w.add(id, false); err != nil {
			return nil, err
		}
	}
	var found []oid
	for w.Len() > 0 && slices.ContainsFunc(w.heap, func(q queued) bool { return !marks[q.id] }) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		q := w.next()
		mark := marks[q.id]
		if !mark {
			found = append(found, q.id)
		}
		for _, p := range q.c.parents {
			if mark {
				marks[p] = true
			}
			if err := w.add(p, mark); err != nil {
				return nil, err
			}
		}
	}
	found = slices.DeleteFunc(found, func(id oid) bool { return marks[id] })
	slices.Reverse(found)
	return found, nil
}

// mergeBase is a common ancestor, a youngest one as far as clocks can be trusted;
// zero when there is none. A commit that is reached again from the other side is
// looked at again: with equal or lagging clocks it may have come out of the queue
// before its child.
func (o *objects) mergeBase(ctx context.Context, a, b oid) (oid, error) {
	const fromA, fromB = 1, 2
	sides := map[oid]int{a: fromA}
	sides[b] |= fromB
	w := o.walk()
	for _, id := range []oid{a, b} {
		if err := w.add(id, false); err != nil {
			return oid{}, err
		}
	}
	for w.Len() > 0 {
		if err := ctx.Err(); err != nil {
			return oid{}, err
		}
		q := w.next()
		if sides[q.id] == fromA|fromB {
			return q.id, nil
		}
		for _, p := range q.c.parents {
			if sides[p]|sides[q.id] != sides[p] {
				sides[p] |= sides[q.id]
				delete(w.seen, p)
			}
			if err := w.add(p, false); err != nil {
				return oid{}, err
			}
		}
	}
	return oid{}, nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
