package superset

import (
	"context"
	"fmt"
	"slices"

	"github.com/dashkeep/dashkeep/internal/archive"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// zipLimits are how much an import may hold: Superset refuses a bundle with a file
// of more than 100 MB (ZIPPED_FILE_MAX_SIZE) and one that unpacks to more than 200
// times its size (ZIP_FILE_MAX_COMPRESS_RATIO), both with 500 and without naming a
// file (utils/core.py, check_is_safe_zip; measured, 4.1.4 and 6.1.0). total is our
// own: a large bundle is held in memory on both sides, and its import is one
// transaction.
type zipLimits struct{ file, total, ratio int }

func superZip() zipLimits { return zipLimits{file: 100 << 20, total: 64 << 20, ratio: 200} }

// write packs a bundle, or stores it when it packs too well.
func (l zipLimits) write(entries []archive.Entry) ([]byte, error) {
	plain := 0
	for _, e := range entries {
		plain += len(e.Data)
	}
	data, err := archive.Write(entries)
	if err != nil || plain < l.ratio*len(data)/2 { // Superset counts without the headers
		return data, err
	}
	for i := range entries {
		entries[i].Stored = true
	}
	return archive.Write(entries)
}

// oversize says that a bundle is too large, files being those that are so by
// themselves; with none a part of the bundle may do.
type oversize struct {
	files map[string]int
	limit int
}

func (e *oversize) Error() string {
	return fmt.Sprintf("more than %d MB in a bundle", e.limit>>20)
}

// check looks at the files of a bundle for so many assets. One asset with what it
// refers to may be as large as it is.
func (l zipLimits) check(sizes map[string]int, assets int) error {
	total, large := 0, map[string]int{}
	for name, n := range sizes {
		if total += n; n > l.file {
			large[name] = n
		}
	}
	switch {
	case len(large) > 0:
		return &oversize{files: large, limit: l.file}
	case total > l.total && assets > 1:
		return &oversize{limit: l.total}
	}
	return nil
}

// divide sends a bundle that is too large in parts, and names what is too large by
// itself.
func (im *importing) divide(ctx context.Context, k asset.Kind, jobs []*job, rest *companions, e *oversize) {
	good := slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool {
		for _, name := range append([]string{j.name()}, j.travel...) {
			n, large := e.files[name]
			switch {
			case !large:
				continue
			case name == j.name():
				im.fail(j.id(), fmt.Errorf("%s: it is %d MB, and Superset takes files up to %d MB (ZIPPED_FILE_MAX_SIZE); nothing of it was sent", j.path, n>>20, e.limit>>20))
			default:
				im.fail(j.id(), fmt.Errorf("%s: %s, which it refers to, is %d MB, and Superset takes files up to %d MB (ZIPPED_FILE_MAX_SIZE)", j.path, name, n>>20, e.limit>>20))
			}
			return true
		}
		return false
	})
	if len(good) < len(jobs) {
		im.send(ctx, k, good, rest)
		return
	}
	im.send(ctx, k, jobs[:len(jobs)/2], rest)
	im.send(ctx, k, jobs[len(jobs)/2:], rest)
}
