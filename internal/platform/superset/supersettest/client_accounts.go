package supersettest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
)

// Role gives the id of a role by name and makes it, with no permissions, where it is
// missing.
func (c *Client) Role(ctx context.Context, name string) (int, error) {
	id, err := c.account(ctx, "roles", "name", name)
	if err != nil || id != 0 {
		return id, err
	}
	return c.create(ctx, "roles", map[string]any{"name": name})
}

// AddUser makes an account, or makes the one of that user name become it, and gives
// its id. Role may be any role; it is made where it is missing.
func (c *Client) AddUser(ctx context.Context, u User) (int, error) {
	if u.Role == "" {
		u.Role = Admin
	}
	role, err := c.Role(ctx, u.Role)
	if err != nil {
		return 0, err
	}
	body := map[string]any{"username": u.Username, "first_name": u.First, "last_name": u.Last, "email": u.Email,
		"password": u.Password, "active": true, "roles": []int{role}}
	id, err := c.account(ctx, "users", "username", u.Username)
	switch {
	case err != nil:
		return 0, err
	case id == 0:
		return c.create(ctx, "users", body)
	}
	return id, c.call(ctx, http.MethodPut, fmt.Sprintf("/api/v1/security/users/%d", id), body, nil)
}

// DropUser deletes an account; one that is not there is no error.
func (c *Client) DropUser(ctx context.Context, username string) error {
	return c.drop(ctx, "users", "username", username)
}

// DropRole deletes a role; one that is not there is no error.
func (c *Client) DropRole(ctx context.Context, name string) error {
	return c.drop(ctx, "roles", "name", name)
}

func (c *Client) drop(ctx context.Context, kind, field, value string) error {
	id, err := c.account(ctx, kind, field, value)
	if err != nil || id == 0 {
		return err
	}
	return c.call(ctx, http.MethodDelete, fmt.Sprintf("/api/v1/security/%s/%d", kind, id), nil, nil)
}

// account finds the row of a user or a role, 0 for none.
func (c *Client) account(ctx context.Context, kind, field, value string) (int, error) {
	for page := 0; ; page++ {
		var answer struct {
			Count  int              `json:"count"`
			Result []map[string]any `json:"result"`
		}
		q := fmt.Sprintf("(page:%d,page_size:%d,columns:!(id,%s))", page, maxPage, field)
		if err := c.call(ctx, http.MethodGet, "/api/v1/security/"+kind+"/?q="+url.QueryEscape(q), nil, &answer); err != nil {
			return 0, err
		}
		for _, m := range answer.Result {
			if m[field] == value {
				id, _ := m["id"].(float64)
				return int(id), nil
			}
		}
		if (page+1)*maxPage >= answer.Count || len(answer.Result) == 0 {
			return 0, nil
		}
	}
}

// create posts a user or a role, which is answered with 201.
func (c *Client) create(ctx context.Context, kind string, body map[string]any) (int, error) {
	path := "/api/v1/security/" + kind + "/"
	status, raw, err := c.Do(ctx, http.MethodPost, path, body)
	if err != nil {
		return 0, err
	}
	var answer struct {
		ID int `json:"id"`
	}
	if status != http.StatusCreated {
		return 0, &StatusError{http.MethodPost, path, status, string(raw)}
	}
	return answer.ID, json.Unmarshal(raw, &answer)
}

// GrantKnown makes the permissions of a role these, less those that the server does not
// know, and says how many it has then. The role is made where it is missing.
func (c *Client) GrantKnown(ctx context.Context, role string, may []Permit) (int, error) {
	id, err := c.Role(ctx, role)
	if err != nil {
		return 0, err
	}
	known := map[Permit]int{}
	for page, more := 0, true; more; page++ {
		var answer struct {
			Count  int `json:"count"`
			Result []struct {
				ID         int                   `json:"id"`
				Permission struct{ Name string } `json:"permission"`
				ViewMenu   struct{ Name string } `json:"view_menu"`
			} `json:"result"`
		}
		q := fmt.Sprintf("(order_column:id,order_direction:asc,page:%d,page_size:%d)", page, maxPage)
		if err := c.call(ctx, http.MethodGet, "/api/v1/security/permissions-resources/?q="+url.QueryEscape(q), nil, &answer); err != nil {
			return 0, err
		}
		for _, r := range answer.Result {
			known[Permit{r.Permission.Name, r.ViewMenu.Name}] = r.ID
		}
		more = len(answer.Result) > 0 && (page+1)*maxPage < answer.Count
	}
	ids := []int{}
	for _, p := range may {
		if n := known[p]; n != 0 {
			ids = append(ids, n)
		}
	}
	path := fmt.Sprintf("/api/v1/security/roles/%d/permissions", id)
	return len(ids), c.call(ctx, http.MethodPost, path, map[string]any{"permission_view_menu_ids": ids}, nil)
}
