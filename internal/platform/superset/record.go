package superset

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/google/uuid"
	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// This file is what the kinds share that no export holds (trait.record): their
// rows are kept as the list gave them, and those without a uuid of their own get one
// of kind and name (SPEC section 1).

// nameSpace is the namespace of uids that are made of kind and name. Never change
// it: the files of every repository hold such uids.
var nameSpace = uuid.NewSHA1(uuid.NameSpaceURL, []byte("dashkeep:superset"))

func nameUID(k asset.Kind, name string) string {
	return uuid.NewSHA1(nameSpace, []byte(string(k)+":"+name)).String()
}

// key is what tells one object of a named kind from another: its name, with what
// that is unique with before it.
func (t trait) key(name, with string) string {
	if t.with == "" || name == "" {
		return name
	}
	return with + ":" + name
}

// isRecord reports whether a kind is in no export.
func isRecord(k asset.Kind) bool { return traitOf(k).record != nil }

// listsWhole reports whether the cheap question reads every row of a kind.
func (t trait) listsWhole() bool { return t.whole || t.named }

// readRow reads a row of a list. Of a record all of it is kept.
func readRow(t trait, data json.RawMessage) (row, error) {
	var r row
	if t.record == nil {
		return r, json.Unmarshal(data, &r)
	}
	var some struct {
		ID        int      `json:"id"`
		UUID      string   `json:"uuid"`
		UTC       string   `json:"changed_on_utc"`
		ChangedOn string   `json:"changed_on"`
		ChangedBy person   `json:"changed_by"`
		Owners    []person `json:"owners"`
	}
	var fields map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(data, &some), json.Unmarshal(data, &fields)); err != nil {
		return r, err
	}
	r = row{ID: some.ID, UUID: some.UUID, UTC: some.UTC, ChangedOn: some.ChangedOn, ChangedBy: some.ChangedBy, Owners: some.Owners, raw: data}
	for field, to := range map[string]*string{t.title: &r.name, t.with: &r.with} {
		if text := fields[field]; text != nil {
			if err := json.Unmarshal(text, to); err != nil {
				return r, fmt.Errorf("%s: %w", field, err)
			}
		}
	}
	return r, nil
}

// identify gives the rows of a named kind, all there are, their uids. Those that
// share a name, or have none, are marked as unreadable: a file can stand for one
// object only. One of them keeps the uid of the name, so that the file of it does
// not read as deleted.
func identify(t trait, rows []row) {
	if !t.named {
		return
	}
	byName := map[string][]int{}
	for i, r := range rows {
		key := t.key(r.name, r.with)
		byName[key] = append(byName[key], i)
	}
	for name, at := range byName {
		slices.SortFunc(at, func(a, b int) int { return rows[a].ID - rows[b].ID })
		for n, i := range at {
			r := &rows[i]
			r.UUID = nameUID(t.kind, name)
			if n > 0 || name == "" {
				r.UUID = nameUID(t.kind, name+"\x00"+strconv.Itoa(r.ID))
			}
			switch {
			case name == "":
				r.bad = fmt.Sprintf("it has no name (row %d), and the name is what tells one %s from another; give it one in Superset", r.ID, t.kind)
			case len(at) > 1:
				r.bad = fmt.Sprintf("%d %s of the server have this name (this is row %d), and the name is what tells one from another; rename all but one in Superset", len(at), t.kind.Plural(), r.ID)
			}
		}
	}
}

// printRecord is printOf for a record: all that its row shows, with lists sorted,
// whose order is the database's whim.
func printRecord(raw json.RawMessage) any {
	var v any
	if json.Unmarshal(raw, &v) != nil {
		return string(raw)
	}
	if m, ok := v.(map[string]any); ok { // a clock, and people who have a role
		for _, noise := range []string{"changed_on_delta_humanized", "user_ids", "group_ids"} {
			delete(m, noise)
		}
	}
	return sortedLists(v)
}

func sortedLists(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = sortedLists(v[k])
		}
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			text, err := json.Marshal(sortedLists(v[i]))
			if err != nil {
				return v
			}
			texts[i] = string(text)
		}
		slices.Sort(texts)
		return texts
	}
	return v
}

// records reads the rows of a kind that no export holds. What cannot be told from
// another is not asked for.
func (c *conn) records(ctx context.Context, k asset.Kind, rows []*entry) ([]document, error) {
	var bad []document
	good := slices.DeleteFunc(slices.Clone(rows), func(e *entry) bool {
		if e.bad != "" {
			bad = append(bad, document{id: e.info.ID, title: e.info.Title, err: errors.New(e.bad)})
		}
		return e.bad != ""
	})
	docs, err := traitOf(k).record.read(ctx, c, good)
	return append(bad, docs...), err
}

// listed is what a list showed of a record, as a document's mapping.
func (e *entry) listed() (*yaml.Node, error) {
	n, err := asset.FromJSON(string(e.raw))
	if err == nil && !asset.IsMap(n) {
		err = errors.New("the list shows something that is no row")
	}
	return n, err
}

// recordDocument is the document of a record: a mapping with uid and title under
// the names that its rules give.
func recordDocument(e *entry, node *yaml.Node) document {
	kr := traitOf(e.info.ID.Kind).rules()
	asset.Put(node, asset.Str(e.info.ID.UID), kr.UID)
	if asset.Get(node, kr.Title) == nil {
		asset.Put(node, asset.Str(e.info.Title), kr.Title)
	}
	d := document{id: e.info.ID, title: asset.Text(asset.Get(node, kr.Title)), path: fmt.Sprintf("%s %d", e.info.ID.Kind, e.row), node: node}
	d.sum()
	return d
}

// fromList makes documents of the fields of listed rows, for kinds whose list shows
// all there is of them.
func fromList(rows []*entry, fields ...string) ([]document, error) {
	var docs []document
	for _, e := range rows {
		node, err := e.listed()
		if err != nil {
			docs = append(docs, document{id: e.info.ID, title: e.info.Title, err: err})
			continue
		}
		docs = append(docs, recordDocument(e, pick(node, fields...)))
	}
	return docs, nil
}

// pick is a mapping of some fields of another; what is not there is null.
func pick(from *yaml.Node, fields ...string) *yaml.Node {
	out := asset.Map()
	for _, f := range fields {
		v := asset.Get(from, f)
		if v == nil {
			v = asset.Null()
		}
		asset.Put(out, v, f)
	}
	return out
}

// bodyOf is a mapping as the body of a request, less some fields. All others are
// sent, so that the server names what it does not know.
func bodyOf(node *yaml.Node, less ...string) (map[string]any, error) {
	body := map[string]any{}
	for k, v := range asset.Each(node) {
		if slices.Contains(less, k) {
			continue
		}
		text, err := asset.ToJSON(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", k, err)
		}
		body[k] = json.RawMessage(text)
	}
	return body, nil
}

// save writes a record: PUT to its row, or POST when there is none. It gives the
// row, 0 when the answer does not name it.
func (c *conn) save(ctx context.Context, k asset.Kind, e *entry, body any) (int, error) {
	at := traitOf(k).endpoint()
	if e != nil {
		return e.row, c.http.Send(ctx, http.MethodPut, at+strconv.Itoa(e.row), body, nil)
	}
	var out struct {
		ID int `json:"id"`
	}
	err := c.http.Send(ctx, http.MethodPost, at, body, &out)
	return out.ID, err
}

// deleteRow deletes a row. What is not there is no error.
func (c *conn) deleteRow(ctx context.Context, k asset.Kind, row int) error {
	err := c.http.JSON(ctx, apihttp.Request{Method: http.MethodDelete, Path: traitOf(k).endpoint() + strconv.Itoa(row)}, nil)
	if hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

func hasStatus(err error, status int) bool {
	var e *apihttp.Error
	return errors.As(err, &e) && e.Status == status
}

// sendRecords writes assets of a kind that no import takes, one by one.
func (im *importing) sendRecords(ctx context.Context, k asset.Kind, jobs []*job) {
	t := traitOf(k)
	for _, j := range jobs {
		e, _ := im.index.get(j.id())
		err := writable(t, j, e)
		if err == nil {
			err = t.record.write(ctx, im, j, e)
		}
		if n := (*apihttp.NetworkError)(nil); errors.As(err, &n) {
			err = fmt.Errorf("no answer, so whether it was written is not known; plan again: %w", err)
		}
		if err != nil {
			im.fail(j.id(), fmt.Errorf("%s: %w", j.path, err))
		}
	}
}

// writable refuses what would end under another uid than its file has.
func writable(t trait, j *job, e *entry) error {
	if e != nil && e.bad != "" {
		return errors.New(e.bad)
	}
	if !t.named {
		return nil
	}
	if j.title == "" {
		return fmt.Errorf("it has no title, and a %s is told from others by it", t.kind)
	}
	if uid := nameUID(t.kind, t.key(j.title, asset.Text(asset.Get(j.doc.Spec, t.with)))); uid != j.doc.UID {
		return fmt.Errorf("a %s is known by its name, and uid %s belongs to another than %q: write uid: %s to make it a new one, or rename it in Superset and pull", t.kind, j.doc.UID, j.title, uid)
	}
	return nil
}
