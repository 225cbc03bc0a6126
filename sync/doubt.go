package sync

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dashkeep/dashkeep/exporter"
	"github.com/dashkeep/dashkeep/importer"
	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/repo"
)

// doubtFile lists, in refs/dashkeep/doubt/<instance>, assets that the next pull
// reads whatever the server says of them. The ref is small, local and gone when
// that pull has read them.
const doubtFile = "ids.txt"

// doubted lists them, with the value of the ref, which an error may leave known.
func (e *Engine) doubted(in *Instance) ([]asset.ID, repo.Revision, error) {
	rev, ok, err := e.Repo.ReadRef(refName("doubt", in.Name))
	if err != nil || !ok {
		return nil, "", err
	}
	files, err := e.Repo.Files(rev, "")
	if err != nil {
		return nil, rev, err
	}
	var ids []asset.ID
	for line := range strings.Lines(string(files[doubtFile])) {
		id, err := asset.ParseID(strings.TrimSuffix(line, "\n"))
		if err != nil {
			return nil, rev, fmt.Errorf("%s of instance %s: %w", doubtFile, in.Name, err)
		}
		ids = append(ids, id)
	}
	return ids, rev, nil
}

// doubtPlanned notes down, before anything is written, what a plan writes: not
// everything that is written moves a change time, and a killed run leaves no
// other trace.
func (e *Engine) doubtPlanned(ctx context.Context, in *Instance, p *importer.Plan) error {
	if _, ok := in.Source.(exporter.Changer); !ok {
		return nil
	}
	ids, rev, err := e.doubted(in)
	if err != nil {
		return err
	}
	all := map[asset.ID]bool{}
	for _, id := range ids {
		all[id] = true
	}
	for _, c := range p.Changes {
		if c.Applies() {
			all[c.ID] = true
		}
	}
	var list bytes.Buffer
	for _, id := range slices.SortedFunc(maps.Keys(all), asset.ID.Compare) {
		fmt.Fprintln(&list, id)
	}
	_, err = e.Repo.AmendRef(ctx, refName("doubt", in.Name), rev, map[string][]byte{doubtFile: list.Bytes()}, "what was written to "+in.Name)
	return err
}
