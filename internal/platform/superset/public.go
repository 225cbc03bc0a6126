package superset

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/dashkeep/dashkeep/internal/apihttp"
	"github.com/dashkeep/dashkeep/internal/asset"
)

// What the role Public may do, Superset does for everybody without a look at the
// token: the answer is that for whoever the session cookie says, and without one for
// nobody (protect in flask_appbuilder/security/decorators.py, is_item_public comes
// before verify_jwt_in_request; measured on 4.1.4 and 6.1.0, where a wrong token gets
// 200 too). A list of dashboards for nobody holds the published ones at most, so an
// administrator's other dashboards would read as deleted.
//
// Whether a kind is public is certain from one request that says nothing of who asks.
// It is sent where an answer would make something absent: beside a listing of a kind
// that was not looked at before on this connection, or that lacks what was there; and
// when the cheap question misses something. Then this connection logs in by the form
// of the login page as well and sends that session with every request, and reads the
// lists again. Where there is no such login (a configured token, single sign-on) the
// kind is not read, by name.

// everybodys tells of each kind whether the server shows it to everybody.
func (c *conn) everybodys(ctx context.Context, kinds []asset.Kind) (map[asset.Kind]bool, error) {
	open := make([]bool, len(kinds))
	g, gctx := errgroup.WithContext(ctx)
	for i, k := range kinds {
		g.Go(func() (err error) {
			open[i], err = c.forNobody(gctx, c.listPath(gctx, traitOf(k)))
			if err == nil && !open[i] && k == kindDashboard && c.embeds(gctx) { // a right of its own, and a 404 reads as "not embedded"
				open[i], err = c.forNobody(gctx, "/api/v1/dashboard/0/embedded")
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	out := map[asset.Kind]bool{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, k := range kinds {
		if c.open[k] = open[i]; open[i] {
			out[k] = true
		}
	}
	return out, nil
}

// forNobody reports whether an address is answered without credentials. Anything but
// a list, or a row that is not there, is a refusal: 401, or what a proxy in front says.
func (c *conn) forNobody(ctx context.Context, path string) (bool, error) {
	err := c.http.JSON(ctx, apihttp.Request{Path: path, Query: rison("(page_size:1,columns:!(id))"), NoAuth: true}, nil)
	var answer apihttp.Error
	switch {
	case err == nil:
		return true, nil
	case !answered(err, &answer):
		return false, err
	}
	return answer.Status == http.StatusNotFound && !answer.HTML && strings.HasSuffix(path, "/embedded"), nil
}

// ours makes sure that lists were answered to this account and to nobody else. rows
// and refused are those of kinds; session is what was sent with the requests. again
// says that they have to be read anew; a kind that cannot be had is refused.
func (c *conn) ours(ctx context.Context, session string, kinds []asset.Kind, rows [][]row, refused []error) (again bool, err error) {
	if session != "" {
		known, err := c.auth.isSomebody(ctx, session)
		if err != nil || known {
			return false, err
		}
		c.auth.leave(session) // it is over
	}
	var doubtful []asset.Kind
	for i, k := range kinds {
		if refused[i] == nil && c.lacks(k, rows[i]) {
			doubtful = append(doubtful, k)
		}
	}
	open, err := c.everybodys(ctx, doubtful)
	if err != nil || len(open) == 0 {
		return false, err
	}
	if known, err := c.join(ctx); err != nil || known {
		return known, err
	}
	for i, k := range kinds {
		if open[k] {
			rows[i], refused[i] = nil, c.hidden(k)
		}
	}
	return false, nil
}

// lacks reports whether a list may be one for nobody: the kind was not listed before
// on this connection, or not all that was there is there.
func (c *conn) lacks(k asset.Kind, rows []row) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.index == nil || c.index.byRow[k] == nil || c.open[k] {
		return true
	}
	shown := map[string]bool{}
	for _, r := range rows {
		shown[r.UUID] = true
	}
	for id := range c.index.byID {
		if id.Kind == k && !shown[id.UID] {
			return true
		}
	}
	return false
}

// join logs in as a browser does, from then on for every request. It is false where
// that is not to be had.
func (c *conn) join(ctx context.Context) (bool, error) {
	if c.auth.browsing() != "" {
		return true, nil
	}
	if c.auth.cfg.Password.IsZero() {
		return false, nil
	}
	cookie, err := c.auth.browse(ctx)
	if err != nil || cookie == "" {
		return false, err
	}
	c.auth.enter(cookie)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.who = nil // who is asked may have been nobody
	c.log.InfoContext(ctx, "the role Public may read what is read here; requests carry a session beside the token", "instance", c.instance)
	return true, nil
}

// hidden is why a kind that everybody is shown is not read.
func (c *conn) hidden(k asset.Kind) *asset.KindError {
	why := "the role Public has " + readPermit(k).String() + ", and so Superset answers as to somebody who is not logged in, whatever token comes along; "
	if k == kindDashboard {
		why = "the role Public has " + readPermit(k).String() + " or can_get_embedded on Dashboard, and so Superset answers as to somebody who is not logged in, whatever token comes along; "
	}
	if c.auth.cfg.Password.IsZero() {
		return &asset.KindError{Kind: k, Why: why + "configure auth.username and auth.password, or take the permission from Public"}
	}
	return &asset.KindError{Kind: k, Why: why + "a login by the form of the login page, which would help, is not to be had for this account: take the permission from Public"}
}

// publicNote says for people what there is to know of kinds that everybody is shown.
func (c *conn) publicNote(open map[asset.Kind]bool) string {
	var kinds []asset.Kind
	for _, k := range c.chosen {
		if open[k] {
			kinds = append(kinds, k)
		}
	}
	return plurals(kinds) + ": the role Public may read them, and so Superset does not look at the token; requests carry a session of the login form beside it"
}

// isSomebody reports whether a session is one of a user: every version says who it
// is by /me/, and says nobody's name.
func (s *session) isSomebody(ctx context.Context, cookie string) (bool, error) {
	var me struct {
		Result struct {
			Username string `json:"username"`
		} `json:"result"`
	}
	err := s.http.JSON(ctx, apihttp.Request{Path: "/api/v1/me/", Header: http.Header{"Cookie": {cookie}}, NoAuth: true}, &me)
	var answer apihttp.Error
	switch {
	case err == nil:
		return me.Result.Username != "", nil
	case answered(err, &answer):
		// An account that may not ask who it is (can_read on CurrentUserRestApi, from
		// 6.1.0 on) is somebody all the same: nobody is refused with 401.
		return answer.Status == http.StatusForbidden && !answer.HTML, nil
	}
	return false, err
}

// browsing is the cookie that goes with every request, "" for none.
func (s *session) browsing() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.browser
}

func (s *session) enter(cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.browser = cookie
	s.csrf, s.cookies = "", nil // of another session
}

// leave forgets a session that is over.
func (s *session) leave(cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.browser == cookie {
		s.browser, s.csrf, s.cookies = "", "", nil
	}
}

// vanished are the kinds of which a cheap question misses something that was there.
func (l *look) vanished() []asset.Kind {
	var out []asset.Kind
	for id := range l.known {
		if _, there := l.marks[id]; !there && !slices.Contains(out, id.Kind) {
			out = append(out, id.Kind)
		}
	}
	slices.Sort(out)
	return out
}

// mine reports whether what is missing is missing for this account, and not only
// for nobody.
func (l *look) mine(ctx context.Context) (bool, error) {
	kinds := l.vanished()
	if len(kinds) == 0 {
		return true, nil
	}
	if cookie := l.c.auth.browsing(); cookie != "" {
		return l.c.auth.isSomebody(ctx, cookie)
	}
	open, err := l.c.everybodys(ctx, kinds)
	return len(open) == 0, err
}

// prepare makes ready to ask for kinds that were public when they were last read:
// with a session, or by finding out whether they still are.
func (l *look) prepare(ctx context.Context, since *asset.Seen) error {
	var was seenState
	if since == nil || json.Unmarshal([]byte(since.State), &was) != nil || len(was.Public) == 0 {
		return nil
	}
	public := slices.DeleteFunc(slices.Clone(l.kinds), func(k asset.Kind) bool { return !slices.Contains(was.Public, k) })
	known, err := l.c.join(ctx)
	if err == nil && !known {
		l.public, err = l.c.everybodys(ctx, public)
	}
	if known {
		l.c.keepPublic(public)
	}
	return err
}

// refuses reports whether the list of a kind was refused by the reading of
// everything.
func (l *look) refuses(k asset.Kind) bool {
	_, denied := l.index.denies(k)
	return denied
}

// publicKinds are those that everybody is shown, as far as was asked.
func (c *conn) publicKinds() []asset.Kind {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.chosen), func(k asset.Kind) bool { return !c.open[k] })
}

func (c *conn) keepPublic(kinds []asset.Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range kinds {
		c.open[k] = true
	}
}
