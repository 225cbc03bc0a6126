package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/lint"
	"github.com/dashkeep/dashkeep/internal/merge"
	"github.com/dashkeep/dashkeep/internal/normalize"
	"github.com/dashkeep/dashkeep/internal/summary"
	"github.com/dashkeep/dashkeep/repo"
)

// Take says whose values end a conflict.
type Take struct {
	Side importer.OnConflict // Git or Live
	File []byte              // or this content, a person's own
	Name string              // of the file, for messages
}

// DirtyError says that a person has edited a file and not committed it.
type DirtyError struct{ Path string }

func (e *DirtyError) Error() string {
	return fmt.Sprintf("%s has edits that are not committed: commit or undo them first; nothing was changed", e.Path)
}

// Resolve ends the conflict of one asset: what both sides moved gets the values that
// take says, everything else is merged as ever. Git gets the outcome, as a commit when
// it differs; base becomes what the server has now, so that what Git has beyond it
// waits for the next apply, and neither side's move counts as one any more.
//
//	take git   Git's values stay and are written by the next apply
//	take live  the server's values come to Git
//	a file     its content comes to Git, and is written by the next apply
//
// An asset that is not in conflict is left alone, but for a file. run.Conflicts are
// those that were ended.
func (e *Engine) Resolve(ctx context.Context, f Found, take Take) (*Run, error) {
	in := f.Instance
	run := e.newRun("resolve", in)
	defer func() { run.Ended = e.Now().UTC() }()
	if err := e.fetch(ctx, in, run); err != nil {
		return run, err
	}
	if err := in.IDs.Refresh(); err != nil {
		return run, in.named(err)
	}
	e.say(in, "reading %s", f.Info.ID)
	live, err := exporter.Export(ctx, in.Source, exporter.Options{Rules: in.Rules, IDs: []asset.ID{f.Info.ID}})
	if err != nil {
		return run, in.named(err)
	}
	if bad, failed := live.Unreadable(f.Info.ID); failed {
		return run, in.named(fmt.Errorf("%s cannot be read: %w; nothing was changed", f.Info.ID, bad.Err))
	}
	if err := e.resolve(ctx, f, live, take, run); err != nil {
		return run, in.named(err)
	}
	return run, e.push(ctx, in, run)
}

func (e *Engine) resolve(ctx context.Context, f Found, live *asset.Set, take Take, run *Run) error {
	e.recording.Lock()
	defer e.recording.Unlock()
	in, id := f.Instance, f.Info.ID
	head, _, err := e.Repo.Head()
	if err != nil {
		return err
	}
	run.Revision = head
	desired, broken, err := e.desired(in, head, live)
	if err != nil {
		return err
	}
	b, err := e.loadBase(in, live, desired)
	if err != nil {
		return err
	}
	if b.rev == "" {
		return fmt.Errorf("it was never pulled to this repository: run dashkeep pull %s first", in.Name)
	}
	markBroken(desired, broken, live, b.set)
	if bad, failed := desired.Unreadable(id); failed {
		return fmt.Errorf("its file cannot be read: %w", bad.Err)
	}
	dirty, err := e.Repo.Dirty(ctx, in.Root+"/")
	if err != nil {
		return err
	}
	d := desired.Get(id)
	if d != nil && dirty[d.Path] {
		return &DirtyError{Path: d.Path}
	}
	git, err := e.settled(in, id, d, live, b, take, run)
	if err != nil || git == nil {
		return err
	}
	namer := newNamer(in, desired, broken)
	if err := e.commitResolved(ctx, in, d, live.Get(id), git.content, namer, dirty, run); err != nil {
		return err
	}
	return e.rebaseResolved(ctx, in, id, b, git.base, run)
}

// resolution is what Git and base are to hold; nil content is absence.
type resolution struct{ content, base []byte }

// settled finds out what a resolution comes to; nil when there is nothing to do.
func (e *Engine) settled(in *Instance, id asset.ID, d *asset.Asset, live *asset.Set, b *base, take Take, run *Run) (*resolution, error) {
	l, old := live.Get(id), b.set.Get(id)
	title := ""
	if l != nil {
		title = l.Title
	} else if d != nil {
		title = d.Title
	}
	now := content(l)
	rule := importer.Rule{}
	if l != nil {
		rule = in.rule(l.Info)
		from := content(old)
		if from == nil {
			from = content(d)
		}
		var err error
		if now, err = visible(l, from, rule); err != nil {
			return nil, err
		}
	}
	back := e.returns(in, live, b)
	was, err := reconcileOne(e, in, id, d, live, b, back)
	if err != nil {
		return nil, err
	}
	for _, c := range was {
		c.Title, c.Winner = title, take.Side
		run.Conflicts = append(run.Conflicts, c)
	}
	if take.File != nil {
		doc, err := loadResolved(in, id, take)
		if err != nil || len(was) == 0 { // an edit of Git like any other
			return &resolution{doc, content(old)}, err
		}
		return &resolution{doc, now}, leftOut(content(old), content(d), now, doc, run)
	}
	if len(was) == 0 {
		return nil, nil
	}
	if d == nil || l == nil { // deleted on one side, changed on the other
		out := &resolution{content: content(d), base: now}
		if take.Side == importer.Live {
			out.content = now
		}
		return out, nil
	}
	contest, err := e.policy(in, importer.Policy{}, back).Contest(id, content(old), now)
	if err != nil {
		return nil, err
	}
	git, err := merge.Unsaid(d.Content, now)
	if err != nil {
		return nil, err
	}
	s, err := importer.Rule{OnConflict: take.Side}.Settle(content(old), git, now, contest)
	return &resolution{s.Content, now}, err
}

// leftOut warns of edits made on the server alone that a person's file has not: they
// are overwritten by the next apply, as the person says.
func leftOut(base, git, live, doc []byte, run *Run) error {
	if git == nil || live == nil {
		return nil
	}
	merged, _, err := merge.Three(base, git, live)
	if err != nil {
		return err
	}
	edits, err := merge.Differences(git, merged)
	if err != nil {
		return err
	}
	missing, err := merge.Differences(doc, merged)
	if err != nil {
		return err
	}
	var paths []string
	for _, e := range edits {
		if slices.ContainsFunc(missing, func(m merge.Conflict) bool { return m.Path == e.Path }) {
			paths = append(paths, e.Path)
		}
	}
	if len(paths) > 0 {
		run.warn("the file leaves out what was edited on the server only, and the next apply overwrites it: %s", strings.Join(paths, ", "))
	}
	return nil
}

// reconcileOne is the conflict that a pull would report of an asset, whatever its
// rule decides, or none.
func reconcileOne(e *Engine, in *Instance, id asset.ID, d *asset.Asset, live *asset.Set, b *base, back *returns) ([]Conflict, error) {
	p := e.policy(in, importer.Policy{}, back)
	p.Rule = func(info asset.Info) importer.Rule { return importer.Rule{Ignore: in.rule(info).Ignore} }
	r := &reconciled{Git: map[asset.ID][]byte{}, w: ways{pathOf: func(a *asset.Asset) string { return a.Path }, policy: p}}
	err := r.one(id, d, live, b.set.Get(id))
	return r.Conflicts, err
}

// loadResolved is the content of a person's file, as canonical as any.
func loadResolved(in *Instance, id asset.ID, take Take) ([]byte, error) {
	a, err := normalize.Load(take.Name, take.File, in.Rules)
	if err != nil {
		return nil, err
	}
	if a.ID != id {
		return nil, fmt.Errorf("%s holds %s, not %s; nothing was changed", take.Name, a.ID, id)
	}
	for _, f := range lint.Secrets(take.Name, a.Content) {
		if f.Code == lint.CodeSecret {
			return nil, fmt.Errorf("%s line %d looks like a secret (%s); nothing was changed", take.Name, f.Line, f.Message)
		}
	}
	return a.Content, nil
}

// commitResolved gives the asset's file its content.
func (e *Engine) commitResolved(ctx context.Context, in *Instance, d, l *asset.Asset, to []byte, namer *namer, dirty map[string]bool, run *Run) error {
	if bytes.Equal(content(d), to) && (d == nil) == (to == nil) {
		return nil
	}
	p := Pulled{Before: content(d), After: to, Action: "changed"}
	switch {
	case d == nil:
		info := asset.Info{}
		if l != nil {
			info = l.Info
		}
		doc, err := asset.ParseDocument("", to)
		if err != nil {
			return err
		}
		info.ID, info.Title = doc.ID(), doc.Title
		p.Info, p.Action = info, "added"
		if p.Path = namer.path(&asset.Asset{Info: info}); dirty[p.Path] {
			return &DirtyError{Path: p.Path}
		}
	case to == nil:
		p.Info, p.Path, p.Action = d.Info, d.Path, "removed"
	default:
		p.Info, p.Path = d.Info, d.Path
		p.Info.Title = titleOf(to, d.Title)
		if moved := namer.path(&asset.Asset{Info: p.Info, Path: d.Path}); moved != d.Path && !dirty[moved] {
			p.From, p.Path = d.Path, moved
		}
	}
	list := items(in, emptySet(), []Pulled{p})
	who := e.Committer
	if l != nil && p.Action == "changed" && bytes.Equal(to, l.Content) {
		who = e.author(in, Pulled{Info: l.Info, Action: p.Action}) // all of it is theirs
	}
	c := e.newCommit(in, who, []Pulled{p}, summary.Subject(in.Name, list), list, run)
	c.Base = run.Revision
	head, err := e.Repo.Commit(ctx, []repo.Commit{c})
	if errors.Is(err, repo.ErrNothingToCommit) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("committing: %w; nothing was changed", err)
	}
	run.Revision, run.Commits, run.Pulled = head, 1, []Pulled{p}
	return nil
}

// rebaseResolved moves base of one asset to what the server has.
func (e *Engine) rebaseResolved(ctx context.Context, in *Instance, id asset.ID, b *base, to []byte, run *Run) error {
	delete(b.files, basePath(id))
	if to != nil {
		b.files[basePath(id)] = to
	}
	_, err := e.Repo.WriteRef(ctx, refName("base", in.Name), b.rev, b.files, "base of "+in.Name+" after "+run.Op+" "+run.ID)
	if err != nil {
		return fmt.Errorf("base did not move: %w; run the same command again", err)
	}
	return nil
}

func emptySet() *asset.Set {
	s, _ := asset.NewSet() // nothing clashes with nothing
	return s
}
