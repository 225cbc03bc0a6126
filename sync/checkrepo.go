package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/lint"
	"github.com/dashkeep/dashkeep/repo"
)

// RepoFinding is one thing that CheckRepo has to say about what Git keeps.
type RepoFinding struct {
	Instance string // "" for the repository as a whole
	What     string // what is wrong, and where
	Next     string // what to type
	Note     bool   // to look at; nothing is wrong
}

// RepoCheck is what CheckRepo looked at and found.
type RepoCheck struct {
	Objects  *repo.Report
	Files    int // asset files
	Findings []RepoFinding
}

// Wrong counts the findings that are more than a note.
func (c *RepoCheck) Wrong() (n int) {
	for _, f := range c.Findings {
		if !f.Note {
			n++
		}
	}
	return n
}

// CheckRepo reads everything that the repository holds, whatever a pull would look
// at: every object is compared with its id, every reference is followed, and for
// each instance its files must be in canonical form, base must load, and its ids
// must name each object once. It changes nothing and asks no server.
func (e *Engine) CheckRepo(ctx context.Context) (*RepoCheck, error) {
	report, err := e.Repo.Verify(ctx)
	if err != nil {
		return nil, err
	}
	c := &RepoCheck{Objects: report}
	for _, d := range report.Damage {
		c.Findings = append(c.Findings, RepoFinding{What: d.String(), Next: e.cure(d)})
	}
	for _, in := range e.Instances {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		e.checkFiles(c, in)
		e.checkBase(c, in)
		e.checkIDs(c, in)
		e.checkInventory(c, in)
	}
	return c, e.checkOwnRefs(ctx, c)
}

func (c *RepoCheck) add(in *Instance, next, format string, args ...any) {
	c.Findings = append(c.Findings, RepoFinding{Instance: in.Name, What: fmt.Sprintf(format, args...), Next: next})
}

// cure says what helps against damage.
func (e *Engine) cure(d repo.Damage) string {
	git := "git -C " + e.Repo.Path()
	sort, name, own := strings.Cut(strings.TrimPrefix(d.Ref, repo.OwnPrefix), "/")
	own = own && strings.HasPrefix(d.Ref, repo.OwnPrefix)
	switch {
	case d.Object == "" && d.Ref != "" && own && rebuilt(sort):
		return fmt.Sprintf("%s update-ref -d %s; dashkeep pull %s makes it anew", git, d.Ref, name)
	case d.Object == "" && d.Ref != "":
		return fmt.Sprintf("dashkeep repairs references from their reflog when it starts; else %s update-ref %s COMMIT", git, d.Ref)
	case e.Remote:
		return "dashkeep check --repo --repair"
	}
	return fmt.Sprintf("dashkeep check --repo --repair saves what is sound; for the rest fetch from another clone: %s fetch CLONE", git)
}

// rebuilt reports whether the next pull makes an own ref of this sort anew.
func rebuilt(sort string) bool {
	return slices.Contains([]string{"base", "live", "doubt", "ids"}, sort)
}

// checkFiles looks at the asset files of the followed branch.
func (e *Engine) checkFiles(c *RepoCheck, in *Instance) {
	head, ok, err := e.Repo.Head()
	if err != nil || !ok {
		return // said by the check of the references; or never pulled
	}
	files, err := e.Repo.Files(head, in.Root+"/")
	var unread *repo.EntriesError
	if err != nil && !errors.As(err, &unread) {
		return // said by the check of the objects
	}
	if unread != nil {
		for _, bad := range unread.Entries {
			if _, ok := kindOfPath(in, bad.Path); ok {
				c.add(in, "replace it by the asset file and commit", "%s is not read: %s", bad.Path, bad.Reason)
			}
		}
	}
	maps.DeleteFunc(files, func(p string, _ []byte) bool { _, ok := kindOfPath(in, p); return !ok })
	c.Files += len(files)
	for _, f := range lint.Check(files, lint.Options{Roots: []string{in.Root}}) {
		switch f.Code {
		case lint.CodeCanonical:
			c.add(in, "dashkeep lint "+e.Repo.Path()+" --fix, and commit", "%s: not in canonical form (line %d)", f.Path, f.Line)
		case lint.CodeSyntax, lint.CodeHeader, lint.CodeMarker, lint.CodeFolder, lint.CodeDuplicate, lint.CodeCase:
			c.add(in, "correct it and commit; git -C "+e.Repo.Path()+" log -- "+f.Path+" says who changed it", "%s", f)
		}
	}
}

// checkBase reads what Git and the server last had in common.
func (e *Engine) checkBase(c *RepoCheck, in *Instance) {
	next := fmt.Sprintf("git -C %s update-ref -d %s; dashkeep pull %s makes it anew, and asks about values that differ then", e.Repo.Path(), refName("base", in.Name), in.Name)
	b, err := e.loadBase(in)
	if err != nil {
		c.add(in, next, "%s cannot be used: %v", refName("base", in.Name), err)
		return
	}
	for _, p := range slices.Sorted(maps.Keys(b.files)) {
		if p == stateFile {
			continue
		}
		doc, err := asset.ParseDocument(p, b.files[p])
		if err != nil {
			c.add(in, next, "%s: %v", refName("base", in.Name), err)
			continue
		}
		canonical, err := doc.Encode()
		switch id := (asset.ID{Kind: doc.Kind, UID: doc.UID}); {
		case err != nil || string(canonical) != string(b.files[p]):
			c.add(in, next, "%s: %s is not in canonical form", refName("base", in.Name), p)
		case basePath(id) != p:
			c.add(in, next, "%s: %s holds %s, which belongs at %s", refName("base", in.Name), p, id, basePath(id))
		}
	}
}

// checkIDs reads the map of ids: an object of the server is one asset.
func (e *Engine) checkIDs(c *RepoCheck, in *Instance) {
	name := refName("ids", in.Name)
	m, err := LoadIDs(e.Repo, in.Name)
	if err != nil {
		c.add(in, fmt.Sprintf("git -C %s update-ref -d %s; dashkeep pull %s finds the assets again by title and content", e.Repo.Path(), name, in.Name), "%s cannot be used: %v", name, err)
		return
	}
	holders := map[string][]string{}
	for _, id := range slices.Sorted(maps.Keys(m.server)) {
		kind, _, _ := strings.Cut(id, ":")
		holders[kind+" "+m.server[id]] = append(holders[kind+" "+m.server[id]], id)
	}
	for _, object := range slices.Sorted(maps.Keys(holders)) {
		if ids := holders[object]; len(ids) > 1 {
			c.add(in, "dashkeep pull "+in.Name+"; the last name holds", "%s: %s of the server is bound to %s", name, object, strings.Join(ids, " and "))
		}
	}
}

// checkInventory reads what dashkeep may delete on the server.
func (e *Engine) checkInventory(c *RepoCheck, in *Instance) {
	if _, err := e.loadInventory(in); err != nil {
		name := refName("inventory", in.Name)
		c.add(in, fmt.Sprintf("git -C %s update-ref %s %s~1 puts back what it held before (git log -p %s shows it); nothing is pruned meanwhile", e.Repo.Path(), name, name, name),
			"%v", err)
	}
}

// checkOwnRefs looks at own refs of every sort, also of sorts that this version
// does not know: state of no configured instance, and JSON that is none.
func (e *Engine) checkOwnRefs(ctx context.Context, c *RepoCheck) error {
	refs, err := e.Repo.ListRefs(repo.OwnPrefix)
	if err != nil {
		return err
	}
	for _, ref := range slices.Sorted(maps.Keys(refs)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		sort, rest, _ := strings.Cut(strings.TrimPrefix(ref, repo.OwnPrefix), "/")
		instance, _, _ := strings.Cut(rest, "/")
		if _, err := e.Instance(instance); err != nil {
			c.Findings = append(c.Findings, RepoFinding{Instance: instance, Note: true,
				What: fmt.Sprintf("%s belongs to no instance of the config", ref),
				Next: fmt.Sprintf("git -C %s update-ref -d %s, if that instance is gone for good", e.Repo.Path(), ref)})
			continue
		}
		if slices.Contains([]string{"base", "ids", "inventory", "backup", "live"}, sort) {
			continue // looked at, of no consequence, or assets that a person gets back as they are
		}
		files, err := e.Repo.Files(refs[ref], "")
		if err != nil {
			continue // said by the check of the objects
		}
		for _, p := range slices.Sorted(maps.Keys(files)) {
			if path.Ext(p) == ".json" && !json.Valid(files[p]) {
				c.Findings = append(c.Findings, RepoFinding{Instance: instance, What: fmt.Sprintf("%s: %s is no JSON", ref, p),
					Next: fmt.Sprintf("git -C %s log -p %s says what it held; update-ref puts an older value back", e.Repo.Path(), ref)})
			}
		}
	}
	return nil
}

// RepairRepo puts right what CheckRepo found wrong with objects (repo.Store.Heal)
// and looks again. What a pull makes anew from the server, and no remote has, is
// dropped when it is still damaged: the next pull reads everything.
func (e *Engine) RepairRepo(ctx context.Context, c *RepoCheck) (after *RepoCheck, kept string, err error) {
	if kept, err = e.Repo.Heal(ctx, c.Objects); err != nil {
		return nil, kept, err
	}
	report, err := e.Repo.Verify(ctx)
	if err != nil {
		return nil, kept, err
	}
	for _, d := range report.Damage {
		sort, instance, own := strings.Cut(strings.TrimPrefix(d.Ref, repo.OwnPrefix), "/")
		if !own || sort != "live" && sort != "doubt" {
			continue
		}
		for _, sort := range []string{"live", "doubt"} {
			if err := e.Repo.DeleteRef(ctx, refName(sort, instance)); err != nil {
				return nil, kept, err
			}
		}
	}
	after, err = e.CheckRepo(ctx)
	return after, kept, err
}
