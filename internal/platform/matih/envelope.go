package matih

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// parse reads an answer and refuses one that says it failed, whatever its
// status: the vendor's envelope has success and error beside the data.
func parse(body []byte) (*yaml.Node, error) {
	n, err := asset.FromJSON(string(body))
	if err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	if v := asset.Get(n, "success"); asset.IsMap(n) && v != nil && v.Tag == asset.TagBool && v.Value != "true" {
		return nil, fmt.Errorf("the server says that it failed: %s", cmp.Or(refusal(n), "it gives no reason"))
	}
	return n, nil
}

// refusal is the sentence in an answer of failure, in the vendor's forms and
// FastAPI's, "" when there is none. What the server quotes of the request, which may hold a secret, is
// left out.
func refusal(n *yaml.Node) string {
	for _, keys := range [][]string{{"error", "message"}, {"error"}, {"message"}, {"msg"}, {"errors", "0", "message"}, {"errors", "0"}, {"detail"}, {"error", "code"}} {
		if s := asset.Text(asset.Get(n, keys...)); s != "" {
			return apihttp.OneLine(s, 300)
		}
	}
	var all []string
	if list := asset.Get(n, "detail"); asset.IsSeq(list) {
		for _, p := range list.Content {
			all = append(all, place(asset.Get(p, "loc"))+asset.Text(asset.Get(p, "msg")))
		}
	}
	return apihttp.OneLine(strings.Join(all, "; "), 300)
}

// place is where in a request a problem lies: "body.widget_type: ".
func place(loc *yaml.Node) string {
	if !asset.IsSeq(loc) || len(loc.Content) == 0 {
		return ""
	}
	var parts []string
	for _, n := range loc.Content {
		parts = append(parts, n.Value)
	}
	return strings.Join(parts, ".") + ": "
}

// unwrap finds the one object of an answer: as it stands, or below data, result,
// and a key that names it (documented: bare and data; the rest is met at servers
// with the same path).
func unwrap(n *yaml.Node, of names, named string) (object, around *yaml.Node) {
	for range 3 {
		if !asset.IsMap(n) {
			return nil, nil
		}
		if of.id(n) != "" {
			return n, around
		}
		next := n
		for _, key := range []string{"data", named, "result"} {
			if v := asset.Get(n, key); asset.IsMap(v) {
				next = v
				break
			}
		}
		if next == n {
			return n, around
		}
		n, around = next, n
	}
	return n, around
}

// dashboardOf is the dashboard of a detail answer, with the widgets that stand
// beside it or below its own data.
func (c *conn) dashboardOf(answer *yaml.Node) (*yaml.Node, error) {
	n, around := unwrap(answer, c.m.dashboard, string(kindDashboard))
	if n == nil {
		return nil, errors.New("the answer holds no dashboard")
	}
	key := c.m.dashboard.onWire("widgets")
	beside, within := asset.Get(around, key), asset.Get(n, key)
	if below := asset.Get(n, "data", key); beside == nil && asset.IsSeq(below) {
		beside = below
		asset.Delete(n, "data", key)
		if len(asset.Get(n, "data").Content) == 0 {
			asset.Delete(n, "data")
		}
	}
	switch {
	case beside == nil || asset.IsNull(beside):
		return n, nil
	case within != nil && !asset.Equal(beside, within):
		return nil, fmt.Errorf("the answer has two different lists under %q", key)
	}
	asset.Put(n, beside, key)
	return n, nil
}

// sheet is one page of a listing.
type sheet struct {
	rows    []*yaml.Node
	total   int   // -1 when the server does not say
	count   int   // "count", -1 for none: of all rows or of this page, servers differ
	hasNext *bool // nil when it does not say
	page    int   // the number the answer gives itself, -1 for none
	size    int   // rows of a full page, 0 when it does not say
}

// sheetOf finds the list in an answer in every documented shape. An answer
// without a list is an error: only a list can say that nothing is there.
func sheetOf(answer *yaml.Node) (sheet, error) {
	s := sheet{total: -1, count: -1, page: -1}
	if asset.IsSeq(answer) {
		s.rows = answer.Content
		return s, nil
	}
	if !asset.IsMap(answer) {
		return s, errors.New("the answer holds no list")
	}
	s.counts(answer)
	data := asset.Get(answer, "data")
	null := asset.IsNull(data)
	for _, at := range []*yaml.Node{answer, data} {
		if asset.IsSeq(at) {
			s.rows = at.Content
			return s, nil
		}
		for _, key := range []string{"items", "results", "dashboards"} {
			v := asset.Get(at, key)
			if asset.IsMap(at) && asset.IsSeq(v) {
				s.rows = v.Content
				return s, nil
			}
			null = null || asset.IsNull(v)
		}
	}
	if null && s.total == 0 {
		return s, nil
	}
	return s, errors.New("the answer holds no list of dashboards")
}

// counts reads what the server says about its pages: beside the list, or under
// pagination, metadata, meta or page.
func (s *sheet) counts(answer *yaml.Node) {
	for _, keys := range [][]string{nil, {"data"}, {"metadata"}, {"meta"}, {"pagination"}, {"data", "pagination"}} {
		at := asset.Get(answer, keys...)
		if !asset.IsMap(at) {
			continue
		}
		for _, key := range []string{"total", "total_count", "totalCount", "totalElements", "total_elements"} {
			if i, ok := number(asset.Get(at, key)); ok {
				s.total = i
			}
		}
		for _, key := range []string{"hasNext", "has_next", "hasMore", "has_more"} {
			if v := asset.Get(at, key); v != nil && v.Tag == asset.TagBool {
				more := v.Value == "true"
				s.hasNext = &more
			}
		}
		if i, ok := number(asset.Get(at, "count")); ok {
			s.count = i
		}
		if i, ok := number(asset.Get(at, "page")); ok {
			s.page = i
		}
		for _, key := range []string{"size", "page_size", "pageSize", "per_page"} {
			if i, ok := number(asset.Get(at, key)); ok {
				s.size = i
			}
		}
	}
}

// number is a count that is not negative.
func number(n *yaml.Node) (int, bool) {
	if n == nil || n.Tag != asset.TagInt {
		return 0, false
	}
	i, err := strconv.Atoi(n.Value)
	return i, err == nil && i >= 0
}
