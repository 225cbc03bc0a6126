package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// Damage is one thing that is wrong with a repository.
type Damage struct {
	What   string   // in words
	Ref    string   // it was found behind, or which it is
	Commit Revision // the newest one of that reference that needs it
	Path   string   // of a file or folder in that commit
	Object string   // id of the object
	File   string   // in the Git folder, when one is at fault
}

func (d Damage) String() string {
	var at []string
	if d.Path != "" {
		at = append(at, d.Path)
	}
	if d.Commit != "" {
		at = append(at, "at commit "+d.Commit.Short())
	}
	if d.Ref != "" {
		at = append(at, "of "+d.Ref)
	}
	if d.File != "" {
		at = append(at, "in "+d.File)
	}
	if len(at) == 0 {
		return d.What
	}
	return d.What + ": " + strings.Join(at, " ")
}

// Report is what Verify looked at and found.
type Report struct {
	Refs, Commits, Objects, Packs int
	Damage                        []Damage
}

// Verify reads every reference, every pack, and every object that a reference
// leads to, and compares the objects with their ids. It changes nothing. An error
// means that it could not look at all; what is wrong is in the report.
func (s *Store) Verify(ctx context.Context) (*Report, error) {
	v := &verifier{s: s, obj: newObjects(s.gitDir), seen: map[oid]bool{}} // nothing that is cached counts
	defer v.obj.close()
	if err := v.packs(ctx); err != nil {
		return nil, err
	}
	tips, err := v.refs()
	if err != nil {
		return nil, err
	}
	for _, t := range tips {
		if err := v.history(ctx, t.name, t.id); err != nil {
			return nil, err
		}
	}
	return &v.r, nil
}

type verifier struct {
	s    *Store
	obj  *objects
	seen map[oid]bool
	r    Report
}

func (v *verifier) add(d Damage) { v.r.Damage = append(v.r.Damage, d) }

type tip struct {
	name string
	id   oid
}

// refs lists what the references name, the followed branch first.
func (v *verifier) refs() ([]tip, error) {
	names, err := v.s.refNames()
	if err != nil {
		return nil, err
	}
	if head, err := v.s.headRef(); err != nil {
		v.add(Damage{What: err.Error(), Ref: "HEAD"})
	} else if head == "" {
		names = append(names, "HEAD")
	}
	var tips []tip
	for _, name := range names {
		v.r.Refs++
		id, err := v.s.readRef(name)
		switch {
		case errors.Is(err, errSymbolic):
		case err != nil:
			v.add(Damage{What: err.Error(), Ref: name})
		case !id.IsZero():
			tips = append(tips, tip{name, id})
		}
	}
	first := func(t tip) int {
		if t.name == v.s.branch {
			return 0
		}
		return 1
	}
	slices.SortFunc(tips, func(a, b tip) int { return cmp.Or(first(a)-first(b), strings.Compare(a.name, b.name)) })
	return tips, nil
}

// history checks what one reference leads to and was not looked at before.
func (v *verifier) history(ctx context.Context, ref string, id oid) error {
	todo := []oid{id}
	for len(todo) > 0 {
		id, todo = todo[len(todo)-1], todo[:len(todo)-1]
		if v.seen[id] {
			continue
		}
		at := Damage{Ref: ref, Commit: revision(id)}
		kind, data, ok := v.object(ctx, id, at)
		if err := ctx.Err(); err != nil {
			return err
		}
		if !ok {
			continue
		}
		switch kind {
		case plumbing.CommitObject:
			c, err := parseCommit(string(data))
			if err != nil {
				at.What, at.Object = fmt.Sprintf("commit is malformed (%v)", err), id.String()
				v.add(at)
				continue
			}
			v.r.Commits++
			todo = append(todo, c.parents...)
			if err := v.tree(ctx, c.tree, at, 0); err != nil {
				return err
			}
		case plumbing.TagObject:
			if target, _, _ := strings.Cut(strings.TrimPrefix(string(data), "object "), "\n"); plumbing.IsHash(target) {
				todo = append(todo, plumbing.NewHash(target))
			}
		}
	}
	return nil
}

func (v *verifier) tree(ctx context.Context, id oid, at Damage, depth int) error {
	if v.seen[id] {
		return nil
	}
	if depth > maxDepth {
		at.What = fmt.Sprintf("folders nest deeper than %d", maxDepth)
		v.add(at)
		return nil
	}
	_, data, ok := v.object(ctx, id, at)
	if err := ctx.Err(); err != nil || !ok {
		return err
	}
	items, err := parseTree(data)
	if err != nil {
		at.What, at.Object = fmt.Sprintf("folder is malformed (%v)", err), id.String()
		v.add(at)
		return nil
	}
	folder := at.Path
	for _, it := range items {
		if at.Path = it.name; folder != "" {
			at.Path = folder + "/" + it.name
		}
		switch {
		case it.isDir():
			if err := v.tree(ctx, it.id, at, depth+1); err != nil {
				return err
			}
		case it.mode != modeGitlink && !v.seen[it.id]:
			v.object(ctx, it.id, at)
		}
	}
	return ctx.Err()
}

// object reads one object and compares it with its id. The content of a blob is
// not kept.
func (v *verifier) object(ctx context.Context, id oid, at Damage) (kind plumbing.ObjectType, data []byte, ok bool) {
	v.seen[id] = true
	v.r.Objects++
	kind, data, err := v.obj.checked(ctx, id, false)
	if err == nil {
		return kind, data, true
	}
	if ctx.Err() == nil {
		at.Object = id.String()
		at.What = fmt.Sprintf("object %s is damaged (%v)", id, err)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			at.What = fmt.Sprintf("object %s is missing", id)
		} else {
			at.File = v.s.holder(id)
		}
		v.add(at)
	}
	return 0, nil, false
}

// checked reads an object and compares it with its id. What it returns of a blob
// is nothing but that it is right, unless keep is set.
func (o *objects) checked(ctx context.Context, id oid, keep bool) (kind plumbing.ObjectType, data []byte, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for range 2 { // the first failure may be a pack that was replaced meanwhile
		if kind, data, err = o.check(ctx, id, keep); err == nil || ctx.Err() != nil {
			return kind, data, err
		}
		o.reset()
	}
	return kind, data, err
}

func (o *objects) check(ctx context.Context, id oid, keep bool) (kind plumbing.ObjectType, data []byte, err error) {
	err = o.stored.each(id, maxAny, func(e *opened) (err error) {
		kind = e.kind
		e.Reader = &bounded{ctx: ctx, r: e.Reader, left: maxAny}
		switch {
		case kind != plumbing.BlobObject:
			data, err = e.content(id, maxTree)
		case keep:
			data, err = e.content(id, maxAny)
		default:
			var sum oid
			if sum, err = hashStream(e, e.size); err == nil {
				err = otherThan(id, sum)
			}
		}
		return err
	})
	return kind, data, err
}

// packs checks the checksums of packs and that each has a readable index.
func (v *verifier) packs(ctx context.Context) error {
	for _, name := range names(v.s.file("objects/pack")) {
		base, ok := strings.CutSuffix(name, ".pack")
		if !ok {
			continue
		}
		v.r.Packs++
		file := "objects/pack/" + name
		err := checkPack(ctx, v.s.file("objects/pack/"+base))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && exists(v.s.file(file)) { // else a git has just replaced it
			v.add(Damage{What: fmt.Sprintf("pack is damaged (%v)", err), File: file})
		}
	}
	return nil
}

// checkPack reads a pack whole.
func checkPack(ctx context.Context, base string) error {
	if err := glancePack(base); err != nil {
		return err
	}
	if _, err := readIdx(base + ".idx"); err != nil {
		return fmt.Errorf("its index: %w", err)
	}
	f, err := os.Open(base + ".pack")
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	sound, err := endsWithSum(&bounded{ctx: ctx, r: f, left: MaxFetch}, fi.Size())
	if err == nil && !sound {
		err = errors.New("its checksum is wrong")
	}
	return err
}

// holder is the file that an object is in, "" when it is not found.
func (s *Store) holder(id oid) string {
	hex := id.String()
	if loose := "objects/" + hex[:2] + "/" + hex[2:]; exists(s.file(loose)) {
		return loose
	}
	for _, name := range names(s.file("objects/pack")) {
		if !strings.HasSuffix(name, ".idx") {
			continue
		}
		table, err := readIdx(s.file("objects/pack/" + name))
		if err != nil {
			continue
		}
		if ok, err := table.Contains(id); ok && err == nil {
			return "objects/pack/" + strings.TrimSuffix(name, ".idx") + ".pack"
		}
	}
	return ""
}

// refNames lists every reference, readable or not.
func (s *Store) refNames() ([]string, error) {
	packed, err := s.packedRefs()
	if err != nil {
		return nil, err
	}
	all := map[string]bool{}
	for name := range packed {
		all[name] = true
	}
	err = filepath.WalkDir(s.file("refs"), func(path string, d os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() || strings.HasSuffix(path, ".lock") || strings.HasPrefix(d.Name(), ownTemp) {
			return err
		}
		rel, err := filepath.Rel(s.gitDir, path)
		all[filepath.ToSlash(rel)] = true
		return err
	})
	return sortedKeys(all), err
}
