package importer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/dashkeep/dashkeep/internal/asset"
	"github.com/dashkeep/dashkeep/internal/merge"
)

// PlanVersion is the version of the plan file's form. Additions keep it; a
// change of meaning raises it.
const PlanVersion = 1

// planFile is the JSON form of a plan. Digest is the SHA-256 of the rest, so
// that a file edited by hand is refused.
type planFile struct {
	SchemaVersion int          `json:"schema_version"`
	Instance      string       `json:"instance"`
	Revision      string       `json:"revision"`
	Head          string       `json:"head,omitempty"`
	Undoes        string       `json:"undoes,omitempty"`
	Created       time.Time    `json:"created"`
	Changes       []fileChange `json:"changes"`
	Held          string       `json:"held,omitempty"`
	// Refers are the digests of what the changes refer to, as the server had it.
	Refers map[string]string `json:"refers,omitempty"`
	Digest string            `json:"digest,omitempty"`
}

type fileChange struct {
	Action    string           `json:"action"`
	ID        string           `json:"id"`
	Title     string           `json:"title"`
	Skip      string           `json:"skip,omitempty"`
	Conflicts []merge.Conflict `json:"conflicts,omitempty"`
	Decided   []merge.Conflict `json:"decided,omitempty"`
	Unseen    []string         `json:"unseen,omitempty"`
	Before    *fileAsset       `json:"before,omitempty"`
	After     *fileAsset       `json:"after,omitempty"`
}

type fileAsset struct {
	Title   string   `json:"title"`
	Content string   `json:"content"`
	Refs    []string `json:"refs,omitempty"`
	Unread  []string `json:"unread,omitempty"`
}

// EncodePlan writes a plan as apply reads it. Contents are redacted already, so
// the file holds no secret.
func EncodePlan(p *Plan, now time.Time) ([]byte, error) {
	f := planFile{SchemaVersion: PlanVersion, Instance: p.Instance, Revision: p.Revision, Head: p.Head, Undoes: p.Undoes, Created: now.UTC(), Changes: []fileChange{}, Held: p.Held}
	for _, c := range p.Changes {
		f.Changes = append(f.Changes, fileChange{
			Action: c.Action.String(), ID: c.ID.String(), Title: c.Title(), Skip: c.Skip, Conflicts: c.Conflicts, Decided: c.Decided, Unseen: c.Unseen,
			Before: toFile(c.Before), After: toFile(c.After),
		})
	}
	for id, sum := range p.Refers {
		if f.Refers == nil {
			f.Refers = map[string]string{}
		}
		f.Refers[id.String()] = sum
	}
	var err error
	if f.Digest, err = f.digest(); err != nil {
		return nil, err
	}
	data, err := json.MarshalIndent(f, "", "  ")
	return append(data, '\n'), err
}

func (f planFile) digest() (string, error) {
	f.Digest = ""
	data, err := json.Marshal(f)
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), err
}

func toFile(a *asset.Asset) *fileAsset {
	if a == nil {
		return nil
	}
	f := &fileAsset{Title: a.Title, Content: string(a.Content), Unread: a.Unread}
	for _, r := range a.Refs {
		f.Refs = append(f.Refs, r.String())
	}
	return f
}

// DecodePlan reads what EncodePlan wrote. Known is left nil.
func DecodePlan(data []byte) (*Plan, error) {
	var f planFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, fmt.Errorf("this is not a plan file: %w", err)
	}
	if f.SchemaVersion != PlanVersion {
		return nil, fmt.Errorf("the plan file has schema_version %d and this dashkeep reads %d: plan again", f.SchemaVersion, PlanVersion)
	}
	if sum, err := f.digest(); err != nil || sum != f.Digest || hasUnknown(data) {
		return nil, errors.New("the plan file was changed after it was written: plan again, or edit the files in Git instead")
	}
	p := &Plan{Instance: f.Instance, Revision: f.Revision, Head: f.Head, Undoes: f.Undoes, Held: f.Held}
	for text, sum := range f.Refers {
		id, err := asset.ParseID(text)
		if err != nil {
			return nil, fmt.Errorf("plan file: %w", err)
		}
		if p.Refers == nil {
			p.Refers = map[asset.ID]string{}
		}
		p.Refers[id] = sum
	}
	for _, fc := range f.Changes {
		c, err := fc.change()
		if err != nil {
			return nil, fmt.Errorf("plan file: %s: %w", fc.ID, err)
		}
		p.Changes = append(p.Changes, c)
	}
	return p, nil
}

// hasUnknown reports whether the file holds a key that plans do not have: one that
// somebody put in would not count, and they would not notice.
func hasUnknown(data []byte) bool {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(new(planFile)) != nil
}

func (fc fileChange) change() (Change, error) {
	id, err := asset.ParseID(fc.ID)
	if err != nil {
		return Change{}, err
	}
	c := Change{ID: id, Skip: fc.Skip, Conflicts: fc.Conflicts, Decided: fc.Decided, Unseen: fc.Unseen}
	for _, a := range []Action{Noop, Create, Update, Delete} {
		if a.String() == fc.Action {
			c.Action = a
		}
	}
	if c.Before, err = fc.Before.asset(id); err != nil {
		return Change{}, err
	}
	c.After, err = fc.After.asset(id)
	return c, err
}

func (f *fileAsset) asset(id asset.ID) (*asset.Asset, error) {
	if f == nil {
		return nil, nil
	}
	a := &asset.Asset{Info: asset.Info{ID: id, Title: f.Title}, Content: []byte(f.Content), Unread: f.Unread}
	for _, s := range f.Refs {
		r, err := asset.ParseID(s)
		if err != nil {
			return nil, err
		}
		a.Refs = append(a.Refs, r)
	}
	return a, nil
}
