package matih

import (
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/asset"
)

// sharing is what the access part of a document asks for. The API has no call
// that reads it back: it is written, and never compared.
type sharing struct {
	body  *yaml.Node   // of POST share; nil when nothing is to be sent
	notes []asset.Note // what is left out
}

// shareOf makes the body of the share call in the form that options.sharing
// names. The vendor's pages show two: ids with one permission for all (API page),
// and pairs of user and permission (sharing page of the same service).
func shareOf(doc *asset.Document, form Sharing) (*sharing, error) {
	s := &sharing{}
	if doc.Access == nil || len(doc.Access.Content) == 0 {
		return s, nil
	}
	if form != sharingList && form != sharingUsers {
		s.omit(doc, "options.sharing is off, so access is not written; set it to list or users, whichever body this server takes", "access")
		return s, nil
	}
	visibility, err := visibilityOf(doc)
	if err != nil {
		return nil, err
	}
	s.body = asset.Map()
	if visibility != nil {
		asset.Put(s.body, visibility, "visibility")
	}
	people := asset.Get(doc.Access, "shared_with")
	if people != nil && !asset.IsSeq(people) {
		return nil, fmt.Errorf("%s %q: access/shared_with must be a list", doc.ID(), doc.Title)
	}
	if form == sharingUsers {
		err = s.pairs(doc, people)
	} else {
		err = s.list(doc, people)
	}
	for key := range asset.Each(doc.Access) {
		if !slices.Contains([]string{"shared_with", "permissions", "visibility"}, key) {
			s.omit(doc, "the share call has no such field", "access", key)
		}
	}
	return s, err
}

func (s *sharing) omit(doc *asset.Document, why string, keys ...string) {
	s.notes = append(s.notes, asset.Note{ID: doc.ID(), Path: asset.Pointer(keys...), Text: why})
}

// visibilityOf is what both parts of the document call the visibility. It can be
// read back in spec, so a document that says two things could never be verified.
func visibilityOf(doc *asset.Document) (*yaml.Node, error) {
	in, at := asset.Get(doc.Spec, "visibility"), asset.Get(doc.Access, "visibility")
	switch {
	case at == nil:
		return asset.Clone(in), nil
	case in != nil && !asset.Equal(in, at):
		return nil, fmt.Errorf("%s %q: spec/visibility and access/visibility differ; make them the same or remove the one under access", doc.ID(), doc.Title)
	}
	return asset.Clone(at), nil
}

// list is {visibility, shared_with: [id, …], permissions}. An entry with a
// permission of its own has no place in it.
func (s *sharing) list(doc *asset.Document, people *yaml.Node) error {
	common := asset.Get(doc.Access, "permissions")
	ids := asset.Seq()
	for i, p := range elements(people) {
		id, permission, err := person(doc, i, p)
		if err != nil {
			return err
		}
		if permission != nil && !asset.Equal(permission, common) {
			s.omit(doc, "options.sharing is list: that body has one permission for all, under access/permissions", "access", "shared_with", fmt.Sprint(i))
			continue
		}
		ids.Content = append(ids.Content, id)
	}
	asset.Put(s.body, ids, "shared_with")
	if common != nil {
		asset.Put(s.body, asset.Clone(common), "permissions")
	}
	return nil
}

// pairs is {visibility, shared_with: [{user_id, permission}, …]}.
func (s *sharing) pairs(doc *asset.Document, people *yaml.Node) error {
	common := asset.Get(doc.Access, "permissions")
	out := asset.Seq()
	for i, p := range elements(people) {
		id, permission, err := person(doc, i, p)
		if err != nil {
			return err
		}
		if permission == nil {
			permission = common
		}
		if permission == nil {
			return fmt.Errorf("%s %q: access/shared_with/%d has no permission, and there is no access/permissions for all", doc.ID(), doc.Title, i)
		}
		out.Content = append(out.Content, asset.Map("user_id", id, "permission", asset.Clone(permission)))
	}
	asset.Put(s.body, out, "shared_with")
	return nil
}

// person takes an entry of shared_with apart: an id, or {user_id, permission}.
func person(doc *asset.Document, i int, n *yaml.Node) (id, permission *yaml.Node, err error) {
	id = n
	if asset.IsMap(n) {
		id, permission = asset.Get(n, "user_id"), asset.Get(n, "permission")
	}
	if id == nil || id.Kind != yaml.ScalarNode || id.Value == "" || asset.IsNull(id) {
		return nil, nil, fmt.Errorf("%s %q: access/shared_with/%d must be an id or have user_id and permission", doc.ID(), doc.Title, i)
	}
	return asset.Clone(id), permission, nil
}

func elements(n *yaml.Node) []*yaml.Node {
	if !asset.IsSeq(n) {
		return nil
	}
	return n.Content
}
