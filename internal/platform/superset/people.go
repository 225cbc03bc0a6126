package superset

import (
	"context"
	"fmt"
	"strings"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// askPeople reads the users of the server once per connection, so that editors
// have a name and an e-mail. Where the account may not, or the API is off, people
// stay known by first and last name only.
func (c *conn) askPeople(ctx context.Context) {
	c.mu.Lock()
	asked := c.asked
	c.asked = true
	c.mu.Unlock()
	if asked {
		return
	}
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
			c.log.DebugContext(ctx, "users cannot be listed; editors are known by name only", "instance", c.instance, "error", err.Error())
			break
		}
		for _, r := range out.Rows {
			people[r.ID] = asset.Person{Name: strings.TrimSpace(r.First + " " + r.Last), Username: r.Username, Email: r.Email}
		}
		if len(out.Rows) == 0 || (n+1)*pageSize >= out.Count {
			break
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.people = people
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
