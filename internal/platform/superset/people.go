package superset

import (
	"context"
	"fmt"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// askPeople reads the users of the server once per connection, so that editors and
// owners have a name and an e-mail. Where the account may not, or the API is off,
// it asks who can own something: that names everybody by e-mail, to every account
// that may read (measured with Alpha, 4.1.4 and 6.1.0). Without either people stay
// known by first and last name only.
func (c *conn) askPeople(ctx context.Context) {
	c.mu.Lock()
	asked := c.asked
	c.asked = true
	c.mu.Unlock()
	if asked {
		return
	}
	people, err := c.users(ctx)
	if err != nil {
		c.log.DebugContext(ctx, "users cannot be listed", "instance", c.instance, "error", err.Error())
		people, err = c.possibleOwners(ctx)
	}
	if err != nil {
		c.log.DebugContext(ctx, "owners cannot be listed either; people are known by name only", "instance", c.instance, "error", err.Error())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.people = people
}

// names are the people of the server, asked for again when one of those who are
// looked for is not among them: somebody new.
func (c *conn) names(ctx context.Context, wanted []int) map[int]asset.Person {
	c.askPeople(ctx)
	c.mu.Lock()
	for _, id := range wanted {
		if _, known := c.people[id]; !known && !c.strangers[id] && len(c.people) > 0 {
			c.asked = false
		}
	}
	c.mu.Unlock()
	c.askPeople(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.strangers == nil {
		c.strangers = map[int]bool{}
	}
	for _, id := range wanted {
		if _, known := c.people[id]; !known {
			c.strangers[id] = true // in no list; not asked for again
		}
	}
	return c.people
}

// askPeopleAgain asks anew, for somebody who may have come since.
func (c *conn) askPeopleAgain(ctx context.Context) map[int]asset.Person {
	c.mu.Lock()
	c.asked = false
	c.mu.Unlock()
	return c.names(ctx, nil)
}

// possibleOwners asks whom an object may be given to.
func (c *conn) possibleOwners(ctx context.Context) (map[int]asset.Person, error) {
	people := map[int]asset.Person{}
	related, err := c.related(ctx, "owners")
	for _, r := range related {
		people[r.Value] = asset.Person{Name: r.Text, Email: r.Extra.Email}
	}
	return people, err
}

// relatedRow is one choice for a field of a dashboard.
type relatedRow struct {
	Text  string `json:"text"`
	Value int    `json:"value"`
	Extra struct {
		Email string `json:"email"`
	} `json:"extra"`
}

// related lists all choices for a field of dashboards; their order is the server's.
func (c *conn) related(ctx context.Context, field string) ([]relatedRow, error) {
	var all []relatedRow
	for n := 0; ; n++ {
		var out struct {
			Count int          `json:"count"`
			Rows  []relatedRow `json:"result"`
		}
		q := fmt.Sprintf("(page:%d,page_size:%d)", n, pageSize)
		if err := c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/dashboard/related/" + field, Query: rison(q)}, &out); err != nil {
			return nil, err
		}
		all = append(all, out.Rows...)
		if len(out.Rows) == 0 || (n+1)*pageSize >= out.Count {
			return all, nil
		}
	}
}

// users asks for the accounts of the server, which is for administrators.
func (c *conn) users(ctx context.Context) (map[int]asset.Person, error) {
	people := map[int]asset.Person{}
	for n := 0; ; n++ {
		var out struct {
			Count int `json:"count"`
			Rows  []struct {
				ID       int    `json:"id"`
				First    string `json:"first_name"`
				Last     string `json:"last_name"`
				Username string `json:"username"`
				Email    string `json:"email"`
			} `json:"result"`
		}
		q := fmt.Sprintf("(order_column:username,order_direction:asc,page:%d,page_size:%d,columns:!(id,first_name,last_name,username,email))", n, pageSize)
		if err := c.http.JSON(ctx, apihttp.Request{Path: "/api/v1/security/users/", Query: rison(q)}, &out); err != nil {
			return nil, err
		}
		for _, r := range out.Rows {
			people[r.ID] = asset.Person{Name: strings.TrimSpace(r.First + " " + r.Last), Username: r.Username, Email: r.Email}
		}
		if len(out.Rows) == 0 || (n+1)*pageSize >= out.Count {
			return people, nil
		}
	}
}

// personOf is called with c.mu held. Lists of databases give no id; there a name
// that only one user has will do.
func (c *conn) personOf(p person) asset.Person {
	name := strings.TrimSpace(p.First + " " + p.Last)
	if known, ok := c.people[p.ID]; ok {
		return known
	}
	var found []asset.Person
	for _, known := range c.people {
		if p.ID == 0 && name != "" && known.Name == name {
			found = append(found, known)
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return asset.Person{Name: name}
}
