package supersettest

import (
	"fmt"
	"html"
	"net/http"
	"slices"
	"strings"
)

// The types of a tag (tags/models.py, TagType): given by people, and the server's
// own. favorited_by is left out, for nobody has favorites here.
const (
	tagCustom = 1
	tagType   = 2
	tagOwner  = 3
)

// taggable are the kinds that tags can be on, as tags/models.py numbers them.
var taggable = map[string]string{"1": SavedQuery, "query": SavedQuery, "2": Chart, "3": Dashboard, "4": Dataset, "chart": Chart, "dashboard": Dashboard, "dataset": Dataset}

// tag finds a tag of any type by its name, which is unique.
func (st *state) tag(name string) *row {
	for _, r := range st.rows[Tag] {
		if r.title() == name {
			return r
		}
	}
	return nil
}

func (s *Server) newTag(name string, typ, user int) *row {
	r := s.state.insert(Tag, s.newUUID())
	r.fields["name"], r.fields["type"], r.fields["description"] = name, typ, nil
	r.createdOn, r.createdBy = s.clock(), user
	r.changedOn, r.changedBy = r.createdOn, user
	return r
}

// ownTags makes the tags that the server gives by itself: with TAGGING_SYSTEM each
// object has one of its type and one of each owner. It makes them when they are
// asked for, the real one when the object is made.
func (s *Server) ownTags() {
	if !s.tagging {
		return
	}
	known := map[string]bool{}
	for _, r := range s.state.rows[Tag] {
		known[r.title()] = true
	}
	ensure := func(name string, typ int) {
		if !known[name] {
			known[name] = true
			s.newTag(name, typ, 1)
		}
	}
	for _, kind := range []string{Dataset, Chart, Dashboard} {
		for i, r := range s.state.rows[kind] {
			for _, id := range r.owners {
				ensure(fmt.Sprintf("owner:%d", id), tagOwner)
			}
			if i == 0 {
				ensure("type:"+kind, tagType)
			}
		}
	}
}

// untag takes a tag off everything, which changes no object's time.
func (s *Server) untag(name string) {
	for _, kind := range []string{SavedQuery, Dataset, Chart, Dashboard} {
		for _, r := range s.state.rows[kind] {
			if i := slices.Index(r.tags, name); i >= 0 {
				e := s.state.edit(kind, r.id)
				e.tags = slices.Delete(e.tags, i, i+1)
			}
		}
	}
}

func (s *Server) tagged(name string) bool {
	for _, kind := range []string{SavedQuery, Dataset, Chart, Dashboard} {
		if slices.ContainsFunc(s.state.rows[kind], func(r *row) bool { return slices.Contains(r.tags, name) }) {
			return true
		}
	}
	return false
}

// retag makes a tag that of the objects, and with keep of those it is on already:
// TagDAO.create_tag_relationship.
func (s *Server) retag(name string, objects []any, keep bool) {
	if !keep {
		s.untag(name)
	}
	for _, v := range objects {
		pair, _ := v.([]any)
		if len(pair) != 2 {
			continue
		}
		id, _ := pair[1].(number)
		kind := taggable[fmt.Sprint(pair[0])]
		if r := s.state.byID(kind, int(atoi(id))); r != nil && !slices.Contains(r.tags, name) {
			e := s.state.edit(kind, r.id)
			e.tags = append(e.tags, name)
		}
	}
}

func (c *call) fatal() { c.message(http.StatusInternalServerError, "Fatal error") }

// makeTag is CreateCustomTagWithRelationshipsCommand; false is an exception that
// nobody catches. The tag is made before anything can go wrong.
func (s *Server) makeTag(o *object, user int, bulk bool) bool {
	name := strings.TrimSpace(o.str("name"))
	r := s.state.tag(name)
	if r == nil || r.fields["type"] != tagCustom {
		if !s.since("6.0.0") {
			name = html.EscapeString(name)
		}
		if s.state.tag(name) != nil {
			return false // UNIQUE constraint failed: tag.name
		}
		r = s.newTag(name, tagCustom, user)
	}
	if !s.since("5.0.0") && !o.has("objects_to_tag") {
		return false // KeyError
	}
	s.retag(r.title(), o.list("objects_to_tag"), bulk)
	s.setDescription(r, o, user)
	return true
}

func (s *Server) setDescription(r *row, o *object, user int) {
	was := r.fields["description"]
	e := s.state.edit(Tag, r.id)
	e.fields["description"] = o.get("description")
	if !o.has("description") {
		e.fields["description"] = ""
	}
	if e.fields["description"] != was {
		s.touch(e, user)
	}
}

func (s *Server) postTag(c *call, body *object) {
	if body.str("name") == "" {
		c.message(http.StatusBadRequest, map[string]any{"name": []string{"Shorter than minimum length 1."}})
		return
	}
	if !s.makeTag(body, c.user, false) {
		c.fatal()
		return
	}
	c.json(http.StatusCreated, map[string]any{})
}

// serveTagsCreate makes several tags, or describes them, and takes them off nothing.
func (s *Server) serveTagsCreate(c *call) {
	body, err := readJSON(c.r)
	if err != nil {
		c.fatal()
		return
	}
	for _, v := range body.list("tags") {
		o, _ := v.(*object)
		if o == nil || o.str("name") == "" || !o.has("objects_to_tag") || o.get("objects_to_tag") == nil || !s.makeTag(o, c.user, true) {
			c.fatal() // ValidationError, not caught here
			return
		}
	}
	c.json(http.StatusOK, map[string]any{"result": map[string]any{"objects_tagged": []any{}, "objects_skipped": []any{}}})
}

// putTag is UpdateTagCommand. It takes a tag off everything that the body does not
// name, and fails over a tag that is on something when it gets another name.
func (s *Server) putTag(c *call, r *row, body *object) {
	name := body.str("name")
	other := s.state.tag(name)
	switch {
	case r == nil, name == "", other != nil && other.id != r.id, name != r.title() && s.tagged(r.title()):
		c.fatal()
		return
	}
	e := s.state.edit(Tag, r.id)
	if e.fields["name"] != name {
		e.fields["name"] = name
		s.touch(e, c.user)
	}
	s.retag(name, body.list("objects_to_tag"), false)
	if !body.has("description") {
		body.set("description", nil)
	}
	s.setDescription(e, body, c.user)
	c.json(http.StatusOK, map[string]any{"id": r.id, "result": body})
}

// deleteTags deletes by name.
func (s *Server) deleteTags(c *call, names any) {
	list, _ := names.([]any)
	var found []*row
	for _, v := range list {
		r := s.state.tag(fmt.Sprint(v))
		if r == nil {
			c.message(http.StatusUnprocessableEntity, fmt.Sprintf("Invalid tag parameters: %s. Tag parameters are invalid.", pyRepr(list)))
			return
		}
		found = append(found, r)
	}
	for _, r := range found {
		s.delete(r)
	}
	c.message(http.StatusOK, fmt.Sprintf("Deleted %d tags", len(found)))
}
