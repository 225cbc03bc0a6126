package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// UnsignedError says that a plan holds what nobody who counts has signed: nothing
// was written.
type UnsignedError struct {
	Instance string
	Assets   []Unsigned
}

// Unsigned is an asset whose content at the planned revision came into Git with a
// commit that does not count.
type Unsigned struct {
	ID     asset.ID
	Title  string
	Path   string
	Commit repo.Signed // zero when no commit was found
	Why    error
}

func (u Unsigned) String() string {
	from := "no commit of it was found"
	if u.Commit.Revision != "" {
		from = fmt.Sprintf("commit %s by %s: %v", u.Commit.Revision.Short(), u.Commit.Author.Name, u.Why)
	}
	return fmt.Sprintf("%s %q (%s; %s)", u.ID, u.Title, u.Path, from)
}

func (e *UnsignedError) Error() string {
	var list []string
	for i, u := range e.Assets {
		if i == 5 {
			list = append(list, fmt.Sprintf("and %d more", len(e.Assets)-i))
			break
		}
		list = append(list, u.String())
	}
	return fmt.Sprintf("instance %s: repo.require_signed is set, and these did not come into Git with a commit signed by one of repo.allowed_signers: %s; "+
		"nothing was written. Have somebody who counts commit them signed (git commit -S), add the signer to the file, or leave them out with --select", e.Instance, strings.Join(list, ", "))
}

// checkSigned lets a plan through when each of its writes comes from a commit that
// counts. For each asset that is the commit in which what its file holds came up:
// a signature further up in history, on a merge or a pull, says nothing about it.
func (e *Engine) checkSigned(ctx context.Context, in *Instance, p *importer.Plan) error {
	if e.Signed == nil {
		return nil
	}
	from := in
	if p.From != "" {
		var err error
		if from, err = e.Instance(p.From); err != nil {
			return err
		}
	}
	rev := repo.Revision(p.Revision)
	desired, _, err := e.desired(from, rev)
	if err != nil {
		return err
	}
	paths := map[string][]importer.Change{}
	var deleted []importer.Change
	refused := &UnsignedError{Instance: in.Name}
	for _, c := range slices.Concat(p.Levels()...) {
		a := desired.Get(c.ID)
		switch {
		case c.Action == importer.Delete:
			deleted = append(deleted, c)
		case a == nil:
			refused.Assets = append(refused.Assets, Unsigned{ID: c.ID, Title: c.Title(), Path: "no file at " + rev.Short()})
		default:
			paths[a.Path] = append(paths[a.Path], c)
		}
	}
	origins, err := e.origins(ctx, from, rev, paths, deleted)
	if err != nil {
		return fmt.Errorf("looking for who signed what: %w; nothing was written", err)
	}
	verdicts := map[repo.Revision]error{}
	for _, o := range origins {
		u, ok, err := e.vouched(o, verdicts)
		if err != nil {
			return err
		}
		if !ok {
			refused.Assets = append(refused.Assets, u)
		}
	}
	if len(refused.Assets) > 0 {
		return refused
	}
	return nil
}

// origin is a planned change and the commits it came up in.
type origin struct {
	change  importer.Change
	path    string
	commits []repo.Revision
}

func (e *Engine) origins(ctx context.Context, from *Instance, rev repo.Revision, paths map[string][]importer.Change, deleted []importer.Change) ([]origin, error) {
	found, err := e.Repo.Origins(ctx, rev, slices.Sorted(maps.Keys(paths)))
	if err != nil {
		return nil, err
	}
	var out []origin
	for _, p := range slices.Sorted(maps.Keys(paths)) {
		for _, c := range paths[p] {
			out = append(out, origin{c, p, found[p]})
		}
	}
	for _, c := range deleted {
		o := origin{change: c, path: from.Root + "/" + c.ID.Kind.Plural() + "/"}
		gone, err := e.Repo.Removals(ctx, rev, o.path, func(path string, data []byte) bool {
			doc, err := asset.ParseDocument(path, data)
			return err == nil && doc.Kind == c.ID.Kind && doc.UID == c.ID.UID
		})
		if err != nil {
			return nil, err
		}
		if len(gone) > 0 { // the youngest: older ones were taken back
			o.path, o.commits = gone[0].Path, []repo.Revision{gone[0].Revision}
		}
		out = append(out, o)
	}
	return out, nil
}

// vouched reports whether one of the commits that a change came up in counts.
func (e *Engine) vouched(o origin, verdicts map[repo.Revision]error) (Unsigned, bool, error) {
	u := Unsigned{ID: o.change.ID, Title: o.change.Title(), Path: o.path}
	for _, rev := range o.commits {
		signed, err := e.Repo.Signed(rev)
		if err != nil {
			return u, false, err
		}
		verdict, known := verdicts[rev]
		if !known {
			_, verdict = e.Signed(signed)
			verdicts[rev] = verdict
		}
		if verdict == nil {
			return u, true, nil
		}
		if u.Why == nil || !errors.Is(u.Why, verdict) {
			u.Commit, u.Why = signed, verdict
		}
	}
	return u, false, nil
}
