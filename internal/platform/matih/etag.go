package matih

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/dashkeep/dashkeep/internal/apihttp"
)

// The bounds of what is kept of details that came with an ETag.
const (
	maxTags     = 20_000
	maxTagBytes = 64 << 20
)

// etags keeps answers with their ETag, so that a server that sends them need not
// send the same dashboard twice. Nothing depends on it: whether a dashboard
// changed is decided by its content.
type etags struct {
	mu    sync.Mutex
	byURL map[string]tagged
	bytes int
}

type tagged struct {
	tag  string
	body []byte
}

func newETags() *etags { return &etags{byURL: map[string]tagged{}} }

func (t *etags) get(path string) tagged {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byURL[path]
}

// put keeps an answer, and forgets the older one of the same path when it has no
// tag or does not fit any more.
func (t *etags) put(path string, v tagged) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if old, ok := t.byURL[path]; ok {
		t.bytes -= len(old.body)
		delete(t.byURL, path)
	}
	if v.tag == "" || len(v.tag) > 1000 || len(t.byURL) >= maxTags || t.bytes+len(v.body) > maxTagBytes {
		return
	}
	t.byURL[path] = v
	t.bytes += len(v.body)
}

// getTagged reads a detail, by If-None-Match when the server gave an ETag before.
func (c *conn) getTagged(ctx context.Context, path string) ([]byte, error) {
	r := apihttp.Request{Path: path}
	old := c.tags.get(path)
	if old.tag != "" {
		r.Header, r.NotModified = http.Header{"If-None-Match": {old.tag}}, true
	}
	res, err := c.do(ctx, r)
	if err != nil {
		return nil, named(err)
	}
	if res.Status == http.StatusNotModified {
		return old.body, nil
	}
	if len(res.Body) == 0 {
		return nil, fmt.Errorf("instance %s: GET %s: the answer is empty", c.instance, path)
	}
	c.tags.put(path, tagged{res.Header.Get("ETag"), res.Body})
	return res.Body, nil
}
