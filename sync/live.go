package sync

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/lint"
	"github.com/dashkeep/dashkeep/repo"
)

// liveCache is what the last pull of an instance read, kept in the local ref
// refs/dashkeep/live/<instance> so that the next one reads only what changed
// since. It is never pushed; losing it costs one complete reading. The tree:
//
//	state.json                        what all of it depends on
//	<kind plural>/<2 hex>/<uid>.json  what is known of an asset besides its content
//	<kind plural>/<2 hex>/<uid>.yaml  its content, when it could be read
//
// Folders are small, and no file holds more than one asset, so that one edit
// writes little.
type liveCache struct {
	rev   repo.Revision
	files map[string][]byte
	state liveState
	last  *exporter.Reading // nil when there is none that can be relied on
}

type liveState struct {
	Form string    `json:"form"` // of what build and rules made the content
	Full time.Time `json:"full"` // when the last complete reading began
	Seen string    `json:"seen"` // the platform's own
}

// liveEntry is an asset in the cache. Mark is the platform's own; the content of
// Refs and what follows belongs to assets that could be read.
type liveEntry struct {
	asset.Info
	Mark   string       `json:",omitempty"`
	Failed bool         `json:",omitempty"`
	Refs   []asset.ID   `json:",omitempty"`
	Unread []string     `json:",omitempty"`
	Notes  []asset.Note `json:",omitempty"`
}

// fullAfter is how old the last complete reading may become where the config has
// no full_pull.
const fullAfter = 24 * time.Hour

// fullDue reports whether a complete reading is due. One from the future means
// that a clock went back.
func (in *Instance) fullDue(last, now time.Time) bool {
	if last.IsZero() || last.After(now) {
		return true
	}
	if in.FullPull == nil {
		return now.Sub(last) >= fullAfter
	}
	next := in.FullPull.Next(last)
	return !next.IsZero() && !next.After(now)
}

// readLive is live for a pull: only what changed since the last one is read,
// where the platform can tell and no complete reading is due.
func (e *Engine) readLive(ctx context.Context, in *Instance, o PullOptions, run *Run) (*asset.Set, error) {
	if _, ok := in.Source.(exporter.Changer); !ok {
		set, err := e.live(ctx, in)
		run.Full, run.Read = true, set.Len()
		return set, err
	}
	began := e.Now().UTC()
	c, err := e.loadLive(in)
	if err != nil {
		return nil, err
	}
	doubted, doubt, err := e.doubted(in)
	if c.last != nil && (err != nil || o.Full || o.Accept || in.fullDue(c.state.Full, began)) {
		c.last = nil
	}
	if c.last != nil {
		c.last.Doubt = doubted
	}
	r, err := exporter.Read(ctx, in.Source, in.Rules, c.last)
	if err != nil {
		return nil, in.named(err)
	}
	run.Server, run.Full, run.Read = r.Server, r.All != "", len(r.Read)
	if run.Full && c.last != nil {
		e.Log.Info("everything was read", "instance", in.Name, "reason", r.All)
	}
	e.say(in, "%d of %d assets read", run.Read, r.Set.Len())
	if !o.DryRun {
		if err := e.keepLive(ctx, in, c, r, began, doubt); err != nil {
			run.warn("what was read is not remembered: %v; the next pull reads more than it need", err)
		}
	}
	return r.Select(in.Select)
}

// form is what the cached content depends on besides the server.
func (e *Engine) form(in *Instance) string {
	return strings.Join([]string{"1", e.Build, in.Platform, in.Rules.Format}, " ")
}

// loadLive reads the cache. One that cannot be used, for whatever reason, is as
// good as none.
func (e *Engine) loadLive(in *Instance) (*liveCache, error) {
	c := &liveCache{files: map[string][]byte{}}
	rev, ok, err := e.Repo.ReadRef(refName("live", in.Name))
	if err != nil || !ok {
		return c, err
	}
	files, err := e.Repo.Files(rev, "")
	c.rev = rev
	if err == nil {
		c.files = files
		err = c.decode(e.form(in))
	}
	if err != nil {
		e.Log.Info("everything is read: what the last pull left is of no use", "instance", in.Name, "reason", err)
		c.last = nil
	}
	return c, nil
}

func (c *liveCache) decode(form string) error {
	if err := json.Unmarshal(c.files[stateFile], &c.state); err != nil {
		return fmt.Errorf("%s: %w", stateFile, err)
	}
	if c.state.Form != form {
		return fmt.Errorf("it was made by %q, this is %q", c.state.Form, form)
	}
	var assets []*asset.Asset
	var failed []asset.Failure
	var notes []asset.Note
	seen := &asset.Seen{State: c.state.Seen, Marks: map[asset.ID]string{}}
	for p, data := range c.files {
		name, ok := strings.CutSuffix(p, ".json")
		if !ok || p == stateFile {
			continue
		}
		var l liveEntry
		if err := json.Unmarshal(data, &l); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if livePath(l.ID) != name {
			return fmt.Errorf("%s holds %s", p, l.ID)
		}
		seen.Marks[l.ID] = l.Mark
		notes = append(notes, l.Notes...)
		if content, ok := c.files[name+".yaml"]; ok {
			assets = append(assets, &asset.Asset{Info: l.Info, Content: content, Refs: l.Refs, Unread: l.Unread})
		} else if l.Failed {
			failed = append(failed, asset.Failure{Info: l.Info})
		}
	}
	set, err := asset.NewSet(assets...)
	if err != nil {
		return err
	}
	for _, f := range failed {
		set.Fail(f)
	}
	set.Notes = notes
	c.last = &exporter.Reading{Set: set, Seen: seen}
	return nil
}

// livePath is where an asset lies in the cache, without the ending.
func livePath(id asset.ID) string {
	p := strings.TrimSuffix(basePath(id), ".yaml")
	sum := sha256.Sum256([]byte(id.UID))
	return path.Join(path.Dir(p), hex.EncodeToString(sum[:1]), path.Base(p))
}

// keepLive makes the cache hold a reading. Only what differs is written, and
// nothing at all when nothing does. doubt is the ref of doubted assets that the
// reading has settled, "" for none.
func (e *Engine) keepLive(ctx context.Context, in *Instance, c *liveCache, r *exporter.Reading, began time.Time, doubt repo.Revision) error {
	if r.Seen == nil {
		return e.Repo.DeleteRef(ctx, refName("live", in.Name))
	}
	next := liveState{Form: e.form(in), Full: c.state.Full, Seen: r.Seen.State}
	if r.All != "" {
		next.Full = began
	}
	files, err := liveFiles(r, c)
	if err != nil {
		return err
	}
	state, err := json.Marshal(next)
	if err != nil {
		return err
	}
	files[stateFile] = append(state, '\n')
	changes := map[string][]byte{}
	for p, data := range files {
		if old, ok := c.files[p]; !ok || !bytes.Equal(old, data) {
			changes[p] = data
		}
	}
	for p := range c.files {
		if _, ok := files[p]; !ok {
			changes[p] = nil
		}
	}
	if len(changes) > 0 {
		if _, err := e.Repo.AmendRef(ctx, refName("live", in.Name), c.rev, changes, "what "+in.Name+" had at its last pull"); err != nil {
			return err
		}
	}
	if doubt == "" {
		return nil
	}
	return e.Repo.DeleteRef(ctx, refName("doubt", in.Name))
}

// liveFiles are the files of a reading. What looks like a secret is kept out of
// Git here as everywhere: of such an asset only the mark stays, and it is read
// anew each time.
func liveFiles(r *exporter.Reading, c *liveCache) (map[string][]byte, error) {
	notes := map[asset.ID][]asset.Note{}
	for _, n := range r.Set.Notes {
		notes[n.ID] = append(notes[n.ID], n)
	}
	fresh := make(map[asset.ID]bool, len(r.Read))
	for _, id := range r.Read {
		fresh[id] = true
	}
	files := map[string][]byte{}
	for id, mark := range r.Seen.Marks {
		l := liveEntry{Info: asset.Info{ID: id}, Mark: mark, Notes: notes[id]}
		f, failed := r.Set.Unreadable(id)
		a := r.Set.Get(id)
		switch {
		case a != nil:
			l.Info, l.Refs, l.Unread = a.Info, a.Refs, a.Unread
		case failed:
			l.Info, l.Failed = f.Info, true
		}
		at := livePath(id)
		meta, err := json.Marshal(l)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		if old, ok := c.files[at+".json"]; (fresh[id] || !ok || !bytes.Equal(old, meta)) && (holdsSecret(meta) || holdsSecret(content(a))) {
			if meta, err = json.Marshal(liveEntry{Info: asset.Info{ID: id}, Mark: l.Mark}); err != nil {
				return nil, err
			}
			a = nil
		}
		files[at+".json"] = meta
		if a != nil {
			files[at+".yaml"] = a.Content
		}
	}
	return files, nil
}

func holdsSecret(data []byte) bool {
	return slices.ContainsFunc(lint.Secrets("", data), func(f lint.Finding) bool { return f.Code == lint.CodeSecret })
}
