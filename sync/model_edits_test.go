package sync

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// value is a new one, which counts as alive.
func (m *model) value() string {
	m.n++
	v := fmt.Sprintf("v%d", m.n)
	m.alive[v] = true
	return v
}

var valueText = regexp.MustCompile(`\bv[0-9]+\b`)

func valuesIn(text string) []string { return valueText.FindAllString(text, -1) }

func valuesOf(f fields) []string {
	var out []string
	for _, v := range f {
		out = append(out, valuesIn(v)...)
	}
	slices.Sort(out)
	return out
}

// kill drops the values of fields that others do not have.
func (m *model) kill(f, kept fields) {
	stay := valuesOf(kept)
	for _, v := range valuesOf(f) {
		if !slices.Contains(stay, v) {
			delete(m.alive, v)
		}
	}
}

// edit changes one place of an asset: a field, or a line of its text.
func (m *model) edit(f fields) (fields, string) {
	f = maps.Clone(f)
	switch place := []string{"a", "b", "c", "t", "t"}[m.rnd.IntN(5)]; {
	case place == "t" && f["t"] != "":
		lines := strings.Split(f["t"], "\n")
		at := m.rnd.IntN(len(lines))
		for _, v := range valuesIn(lines[at]) {
			delete(m.alive, v)
		}
		lines[at] = m.value()
		f["t"] = strings.Join(lines, "\n")
		return f, fmt.Sprintf("t[%d]=%s", at, lines[at])
	case place != "t" && f[place] != "" && m.rnd.IntN(8) == 0:
		delete(m.alive, f[place])
		delete(f, place)
		return f, "no " + place
	default:
		if place == "t" {
			place = "a"
		}
		delete(m.alive, f[place])
		f[place] = m.value()
		return f, place + "=" + f[place]
	}
}

func (m *model) fresh() (asset.ID, fields) {
	m.uids++
	return chartID(fmt.Sprintf("%08d-uid", m.uids)), fields{"a": m.value(), "t": "-- 1\n" + m.value() + "\n-- 2\n" + m.value() + "\n-- 3\n" + m.value()}
}

func (m *model) createLive() {
	id, f := m.fresh()
	m.s.edit("Grace", id, func(o *object) { o.fields = f })
	m.people[id] = true
	m.say("server: new %s %s", id, valuesOf(f))
}

func (m *model) createGit() {
	id, f := m.fresh()
	m.say("git: new %s %s", id, valuesOf(f))
	m.k.commit(map[asset.ID][]byte{id: m.memo.encode(id, f)})
}

func (m *model) pickLive() (asset.ID, fields) {
	ids := m.s.ids()
	if len(ids) == 0 {
		return asset.ID{}, nil
	}
	id := ids[m.rnd.IntN(len(ids))]
	return id, m.s.objects[id].fields
}

// editLive: a person in the server replaces what stands there knowingly.
func (m *model) editLive() {
	id, was := m.pickLive()
	if was == nil {
		return
	}
	f, what := m.edit(was)
	for _, k := range []string{"a", "b", "c"} {
		key := id.String() + "/" + k
		if f[k] != was[k] && m.stale[key] != "" { // whom the stale page misled
			delete(m.alive, m.stale[key])
			delete(m.stale, key)
		}
	}
	m.s.edit([]string{"Grace", "Ada", ""}[m.rnd.IntN(3)], id, func(o *object) { o.fields = f })
	m.say("server: %s %s", id, what)
}

func (m *model) deleteLive() {
	id, f := m.pickLive()
	if f == nil {
		return
	}
	m.kill(f, nil)
	if doc := m.k.git()[id]; string(doc) == string(m.k.baseOf()[basePath(id)]) {
		m.kill(m.memo.read(doc), nil) // all of it was on the server once, and nothing waits
	}
	m.s.drop(id)
	m.say("server: deleted %s", id)
}

// openPage: somebody opens an asset for editing.
func (m *model) openPage() {
	if id, f := m.pickLive(); f != nil {
		m.pages[id] = maps.Clone(f)
		m.say("server: %s is opened", id)
	}
}

// savePage: they save, with the fields as they saw them and one edit of theirs. What
// people edited on the server meanwhile is overwritten by the server itself; what our
// own runs wrote meanwhile must survive in Git.
func (m *model) savePage() {
	ids := slices.SortedFunc(maps.Keys(m.pages), asset.ID.Compare)
	if len(ids) == 0 {
		return
	}
	id := ids[m.rnd.IntN(len(ids))]
	page := m.pages[id]
	delete(m.pages, id)
	if m.s.objects[id] == nil {
		return
	}
	now := m.s.objects[id].fields
	git := m.memo.read(m.k.git()[id])
	f := maps.Clone(now)
	for _, k := range []string{"a", "b", "c"} {
		if page[k] == now[k] {
			continue
		}
		if m.window && git[k] == now[k] && m.wentBack(id, k, page[k]) {
			if now[k] != "" {
				m.stale[id.String()+"/"+k] = now[k]
			}
		} else {
			delete(m.alive, now[k])
			delete(m.alive, m.stale[id.String()+"/"+k])
			delete(m.stale, id.String()+"/"+k)
		}
		f[k] = page[k]
		if page[k] == "" {
			delete(f, k)
		}
	}
	delete(m.alive, now["d"])
	f["d"] = m.value()
	m.s.edit("Ada", id, func(o *object) { o.fields = f })
	m.say("server: %s is saved from an old page: %s", id, valuesOf(f))
}

// oldPage is what random steps seldom come to: an asset is opened, an apply changes it,
// the page is saved, and now and then somebody edits on after a pull has seen that.
func (m *model) oldPage() {
	git := m.k.git()
	ids := slices.DeleteFunc(m.s.ids(), func(id asset.ID) bool { return git[id] == nil })
	if len(ids) == 0 {
		return
	}
	id := ids[m.rnd.IntN(len(ids))]
	clear(m.pages)
	m.pages[id] = maps.Clone(m.s.objects[id].fields)
	m.say("server: %s is opened", id)
	f := maps.Clone(m.memo.read(git[id]))
	k := []string{"a", "b"}[m.rnd.IntN(2)]
	delete(m.alive, f[k])
	f[k] = m.value()
	m.say("git: %s %s=%s", id, k, f[k])
	m.k.commit(map[asset.ID][]byte{id: m.memo.encode(id, f)})
	m.write("apply", func() wrote { return m.k.apply(importer.Policy{}) }, nil, false)
	m.savePage()
	if m.rnd.IntN(2) == 0 {
		m.pull(false)
		if was := m.s.objects[id]; was != nil && m.rnd.IntN(2) == 0 {
			m.editField(id, k)
		}
	}
}

// editField is editLive of one field.
func (m *model) editField(id asset.ID, k string) {
	was := m.s.objects[id].fields
	key := id.String() + "/" + k
	if m.stale[key] != "" {
		delete(m.alive, m.stale[key])
		delete(m.stale, key)
	}
	delete(m.alive, was[k])
	f := maps.Clone(was)
	f[k] = m.value()
	m.s.edit("Grace", id, func(o *object) { o.fields = f })
	m.say("server: %s %s=%s", id, k, f[k])
}

// wentBack reports whether a field that becomes v is what it was before one of our
// writes, and not what a newer one left.
func (m *model) wentBack(id asset.ID, k, v string) bool {
	for _, w := range m.writes[id] {
		switch {
		case w.before == nil || w.after == nil, v == w.after[k]:
			return false
		case w.before[k] == w.after[k]:
		case v == w.before[k]:
			return true
		}
	}
	return false
}

func (m *model) pickGit() (asset.ID, []byte) {
	git := m.k.git()
	if len(git) == 0 {
		return asset.ID{}, nil
	}
	ids := slices.SortedFunc(maps.Keys(git), asset.ID.Compare)
	id := ids[m.rnd.IntN(len(ids))]
	return id, git[id]
}

func (m *model) editGit() {
	id, doc := m.pickGit()
	if doc == nil {
		return
	}
	f, what := m.edit(m.memo.read(doc))
	m.say("git: %s %s", id, what)
	m.k.commit(map[asset.ID][]byte{id: m.memo.encode(id, f)})
}

func (m *model) deleteGit() {
	id, doc := m.pickGit()
	if doc == nil {
		return
	}
	m.kill(m.memo.read(doc), nil)
	m.say("git: deleted %s", id)
	m.k.commit(map[asset.ID][]byte{id: nil})
}

// branch: somebody edits on a branch of Git, which is merged later or given up.
func (m *model) branch() {
	if m.fork == nil {
		m.from = maps.Clone(m.k.git())
		m.fork = maps.Clone(m.from)
		m.say("branch: begun")
		return
	}
	ids := slices.SortedFunc(maps.Keys(m.fork), asset.ID.Compare)
	if m.rnd.IntN(3) == 0 || len(ids) == 0 {
		m.mergeBranch()
		return
	}
	id := ids[m.rnd.IntN(len(ids))]
	was := m.memo.read(m.fork[id])
	dead := maps.Clone(m.alive)
	f, what := m.edit(was)
	m.fork[id] = m.memo.encode(id, f)
	there := m.there(m.k.git())
	for v := range dead { // until it is merged, what it replaces lives on in main
		if there[v] {
			m.alive[v] = true
		}
	}
	m.say("branch: %s %s", id, what)
}

func (m *model) mergeBranch() {
	git, out := m.k.git(), map[asset.ID][]byte{}
	fork, from := m.fork, m.from
	m.fork, m.from = nil, nil
	for id, doc := range fork {
		if string(doc) == string(from[id]) {
			continue
		}
		merged, conflicts, err := merge.Three(from[id], git[id], doc)
		if err != nil {
			m.fail("merging the branch: %v", err)
		}
		if len(conflicts) > 0 {
			m.say("branch: given up")
			m.dropBranch(fork, git)
			return
		}
		out[id] = merged
	}
	for id, doc := range out { // who merges means it
		m.kill(m.memo.read(git[id]), m.memo.read(doc))
	}
	m.say("branch: merged")
	m.k.commit(out)
	m.dropBranch(fork, m.k.git()) // what it only kept from the time it began is gone with it
}

func (m *model) dropBranch(fork, git map[asset.ID][]byte) {
	there := m.there(git)
	for _, doc := range fork {
		for _, v := range m.memo.values(doc) {
			if !there[v] {
				delete(m.alive, v)
			}
		}
	}
}

func (m *model) mergeOpenBranch() {
	if m.fork != nil {
		m.mergeBranch()
	}
}
