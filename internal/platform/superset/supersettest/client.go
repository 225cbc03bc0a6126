package supersettest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client is a thin REST client with which tests look at a server, simulated or
// real, without going through dashkeep. It never follows redirects.
type Client struct {
	base, csrf, token string
	http              *http.Client
}

// Item is one line of a list.
type Item struct {
	ID    int    `json:"id"`
	UUID  string `json:"uuid"`
	Title string `json:"-"`
}

// StatusError is an answer other than 200.
type StatusError struct {
	Method, Path string
	Status       int
	Body         string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: %d: %.2000s", e.Method, e.Path, e.Status, e.Body)
}

// Login makes a client for an account of the server at base.
func Login(ctx context.Context, base, username, password string) (*Client, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c := &Client{base: strings.TrimSuffix(base, "/"), http: &http.Client{
		Jar: jar, Timeout: 5 * time.Minute, Transport: &http.Transport{}, // no proxy: the servers are local
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var tokens struct {
		Access string `json:"access_token"`
	}
	err = c.call(ctx, http.MethodPost, "/api/v1/security/login",
		map[string]any{"username": username, "password": password, "provider": "db", "refresh": true}, &tokens)
	if err != nil {
		return nil, err
	}
	c.token = tokens.Access
	var csrf struct {
		Result string `json:"result"`
	}
	if err := c.call(ctx, http.MethodGet, "/api/v1/security/csrf_token/", nil, &csrf); err != nil {
		return nil, err
	}
	c.csrf = csrf.Result
	return c, nil
}

// call sends JSON and decodes the answer into out, when not nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	var err error
	contentType := ""
	if in != nil {
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		contentType = "application/json"
	}
	raw, err := c.send(ctx, method, path, contentType, body)
	if err != nil || out == nil {
		return err
	}
	return json.Unmarshal(raw, out)
}

func (c *Client) send(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.csrf != "" {
		req.Header.Set("X-CSRFToken", c.csrf)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return raw, &StatusError{method, path, res.StatusCode, string(raw)}
	}
	return raw, nil
}

// Do sends a request and returns status and body, whatever they are.
func (c *Client) Do(ctx context.Context, method, path string, in any) (int, []byte, error) {
	var body []byte
	contentType := ""
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return 0, nil, err
		}
		body, contentType = raw, "application/json"
	}
	raw, err := c.send(ctx, method, path, contentType, body)
	var se *StatusError
	if errors.As(err, &se) {
		return se.Status, raw, nil
	}
	return http.StatusOK, raw, err
}

// List reads all pages of a kind.
func (c *Client) List(ctx context.Context, kind string) ([]Item, error) {
	var all []Item
	title := models[kind].name
	for page := 0; ; page++ {
		q := fmt.Sprintf("(page:%d,page_size:%d,columns:!(id,uuid,%s))", page, maxPage, title)
		var answer struct {
			Count  int              `json:"count"`
			Result []map[string]any `json:"result"`
		}
		if err := c.call(ctx, http.MethodGet, "/api/v1/"+kind+"/?q="+url.QueryEscape(q), nil, &answer); err != nil {
			return nil, err
		}
		for _, m := range answer.Result {
			id, _ := m["id"].(float64)
			uid, _ := m["uuid"].(string)
			name, _ := m[title].(string)
			all = append(all, Item{int(id), uid, name})
		}
		if len(all) >= answer.Count || len(answer.Result) == 0 {
			return all, nil
		}
	}
}

// Find returns the list line with this uuid or, failing that, this title.
func (c *Client) Find(ctx context.Context, kind, uidOrTitle string) (Item, error) {
	items, err := c.List(ctx, kind)
	if err != nil {
		return Item{}, err
	}
	for _, it := range items {
		if kind == SavedQuery { // its list shows no uuid
			if it.UUID, err = c.queryUID(ctx, it.ID); err != nil {
				return Item{}, err
			}
		}
		if it.UUID == uidOrTitle {
			return it, nil
		}
	}
	for _, it := range items {
		if it.Title == uidOrTitle {
			return it, nil
		}
	}
	return Item{}, fmt.Errorf("no %s %q among %d", kind, uidOrTitle, len(items))
}

// Get returns an object as the API shows it.
func (c *Client) Get(ctx context.Context, kind, uid string) (map[string]any, error) {
	it, err := c.Find(ctx, kind, uid)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Result map[string]any `json:"result"`
	}
	err = c.call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/%s/%d", kind, it.ID), nil, &answer)
	return answer.Result, err
}

// Put changes an object as the UI does: only what fields names.
func (c *Client) Put(ctx context.Context, kind, uid string, fields map[string]any) error {
	it, err := c.Find(ctx, kind, uid)
	if err != nil {
		return err
	}
	if kind == Theme { // takes nothing less than all of it
		have, err := c.Get(ctx, kind, uid)
		if err != nil {
			return err
		}
		all := map[string]any{"theme_name": have["theme_name"], "json_data": have["json_data"]}
		maps.Copy(all, fields)
		fields = all
	}
	return c.call(ctx, http.MethodPut, fmt.Sprintf("/api/v1/%s/%d", kind, it.ID), fields, nil)
}

// PutColumn changes one column of a dataset, as the dataset editor does.
func (c *Client) PutColumn(ctx context.Context, dataset, column string, fields map[string]any) error {
	return c.putChild(ctx, dataset, "columns", "column_name", column, fields)
}

// PutMetric changes one metric of a dataset.
func (c *Client) PutMetric(ctx context.Context, dataset, metric string, fields map[string]any) error {
	return c.putChild(ctx, dataset, "metrics", "metric_name", metric, fields)
}

func (c *Client) putChild(ctx context.Context, dataset, list, key, name string, fields map[string]any) error {
	all, err := c.Get(ctx, Dataset, dataset)
	if err != nil {
		return err
	}
	rows, _ := all[list].([]any)
	found := false
	for _, v := range rows {
		row, _ := v.(map[string]any)
		for _, k := range []string{"changed_on", "created_on", "type_generic"} {
			delete(row, k)
		}
		if row[key] == name {
			found = true
			for k, v := range fields {
				row[k] = v
			}
		}
	}
	if !found {
		return fmt.Errorf("dataset %s has no %q in its %s", dataset, name, list)
	}
	return c.Put(ctx, Dataset, dataset, map[string]any{list: rows})
}

// Delete removes an object by uuid.
func (c *Client) Delete(ctx context.Context, kind, uid string) error {
	it, err := c.Find(ctx, kind, uid)
	if err != nil {
		return err
	}
	return c.call(ctx, http.MethodDelete, fmt.Sprintf("/api/v1/%s/%d", kind, it.ID), nil, nil)
}

// DeleteAll wipes the server, dependants first. The two themes that belong to the
// installation stay.
func (c *Client) DeleteAll(ctx context.Context) error {
	if err := c.dropRights(ctx); err != nil { // reports keep what they send from being deleted
		return err
	}
	for _, kind := range []string{Dashboard, Chart, Dataset, SavedQuery, Database} {
		if err := c.deleteKind(ctx, kind); err != nil {
			return err
		}
	}
	if err := c.deleteThemes(ctx); err != nil {
		return err
	}
	return c.DeleteRecords(ctx)
}

func (c *Client) deleteKind(ctx context.Context, kind string) error {
	items, err := c.List(ctx, kind)
	if err != nil {
		return err
	}
	for _, it := range items {
		if err := c.call(ctx, http.MethodDelete, fmt.Sprintf("/api/v1/%s/%d", kind, it.ID), nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// DeleteRecords deletes what no bundle holds. Tags go with those that the server
// gave: SQLite gives row ids out again, and a new chart would have the tags of the
// deleted one that had its id.
func (c *Client) DeleteRecords(ctx context.Context) error {
	layers, err := c.List(ctx, AnnotationLayer)
	if err != nil {
		return err
	}
	for _, it := range layers {
		notes, err := c.Annotations(ctx, it.ID)
		if err != nil {
			return err
		}
		for _, id := range notes {
			if err := c.call(ctx, http.MethodDelete, fmt.Sprintf("/api/v1/annotation_layer/%d/annotation/%d", it.ID, id), nil, nil); err != nil {
				return err
			}
		}
	}
	for _, kind := range []string{AnnotationLayer, CSSTemplate, Tag} {
		if err := c.deleteKind(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

// Annotations are the first hundred of a layer: ids by short description.
func (c *Client) Annotations(ctx context.Context, layer int) (map[string]int, error) {
	var answer struct {
		Result []struct {
			ID    int    `json:"id"`
			Short string `json:"short_descr"`
		} `json:"result"`
	}
	err := c.call(ctx, http.MethodGet, fmt.Sprintf("/api/v1/annotation_layer/%d/annotation/?q=(page_size:%d)", layer, maxPage), nil, &answer)
	out := map[string]int{}
	for _, r := range answer.Result {
		out[r.Short] = r.ID
	}
	return out, err
}

// Import uploads a bundle to a kind's own endpoint, or to "assets". form holds
// further fields: "overwrite", "passwords", "sparse".
func (c *Client) Import(ctx context.Context, kind string, zip []byte, form map[string]string) error {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	field := "formData"
	if kind == "assets" {
		field = "bundle"
	}
	f, err := w.CreateFormFile(field, "bundle.zip")
	if err != nil {
		return err
	}
	_, _ = f.Write(zip)
	for k, v := range form {
		_ = w.WriteField(k, v)
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err = c.send(ctx, http.MethodPost, "/api/v1/"+kind+"/import/", w.FormDataContentType(), buf.Bytes())
	return err
}

// Export downloads the bundle of some objects of a kind, or of "assets".
func (c *Client) Export(ctx context.Context, kind string, ids ...int) ([]byte, error) {
	path := "/api/v1/" + kind + "/export/"
	if kind != "assets" {
		text := make([]string, len(ids))
		for i, id := range ids {
			text[i] = strconv.Itoa(id)
		}
		path += "?q=" + url.QueryEscape("!("+strings.Join(text, ",")+")")
	}
	return c.send(ctx, http.MethodGet, path, "", nil)
}

// Passwords is the form field that supplies one password for every connection
// of a bundle; paths are those inside the zip without the root folder.
func Passwords(password string, paths ...string) string {
	o := newObject()
	for _, p := range paths {
		o.set(p, password)
	}
	return mustJSON(o)
}
