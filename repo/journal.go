package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
)

// journal says which move of the branch the working files have not followed
// yet. It is what tells "we were killed after the branch moved" from "a person
// put the old content back on purpose", which look the same in the files. It is
// one record of fixed size, overwritten in one write call; a record that does
// not parse counts as none.
type journal struct {
	path    string
	rec     journalRecord
	pending atomic.Bool // !rec.Done, for readers
	found   bool        // rec is of an earlier process and was not done
	boot    string      // this start of the system, "" when it cannot be told
}

type journalRecord struct {
	Ref  string `json:"ref"`
	Old  string `json:"old"` // what the working files were in step with; zeros for none
	New  string `json:"new"`
	Done bool   `json:"done"`
	Boot string `json:"boot,omitempty"` // the start of the system that wrote it
}

const journalSize = 512

func openJournal(tmp string) (*journal, error) {
	j := &journal{path: filepath.Join(tmp, "journal"), rec: journalRecord{Done: true}, boot: bootID()}
	data, err := readSmall(j.path, 4<<10)
	if errors.Is(err, fs.ErrNotExist) {
		return j, nil
	}
	if err != nil {
		return j, err
	}
	var rec journalRecord
	if json.NewDecoder(bytes.NewReader(data)).Decode(&rec) != nil ||
		!rec.Done && (!plumbing.IsHash(rec.Old) || !plumbing.IsHash(rec.New) || !strings.HasPrefix(rec.Ref, headsPrefix)) {
		return j, nil
	}
	j.set(rec)
	j.found = !rec.Done
	return j, nil
}

// begin records a move that is about to happen. When an earlier one was not
// followed yet, its old value stays: the files are still in step with that.
func (j *journal) begin(ref string, old, new oid) error {
	rec := journalRecord{Ref: ref, Old: old.String(), New: new.String(), Boot: j.boot}
	if !j.rec.Done && j.rec.Ref == ref {
		rec.Old = j.rec.Old
	}
	return j.write(rec)
}

// done records that the working files follow the branch.
func (j *journal) done() error {
	if j.rec.Done {
		return nil
	}
	rec := j.rec
	rec.Done = true
	return j.write(rec)
}

// undo takes back a begin whose move did not happen.
func (j *journal) undo(before journalRecord) error { return j.write(before) }

func (j *journal) write(rec journalRecord) error {
	data, err := json.Marshal(rec)
	if err != nil {
		return err
	}
	if n := journalSize - 1 - len(data); n > 0 {
		data = append(data, bytes.Repeat([]byte{' '}, n)...)
	}
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(append(data, '\n'), 0); err != nil {
		f.Close()
		return err
	}
	if !rec.Done {
		if err := f.Sync(); err != nil {
			f.Close()
			return err
		}
	}
	if err := f.Close(); err != nil {
		return err
	}
	j.set(rec)
	j.found = j.found && !rec.Done
	return nil
}

func (j *journal) set(rec journalRecord) {
	j.rec = rec
	j.pending.Store(!rec.Done)
}

// otherBoot reports whether the record was written before the system started: what
// was not flushed by then may be lost.
func (j *journal) otherBoot() bool { return j.rec.Boot != "" && j.boot != "" && j.rec.Boot != j.boot }

func (r journalRecord) ids() (old, new oid) {
	return plumbing.NewHash(r.Old), plumbing.NewHash(r.New)
}
