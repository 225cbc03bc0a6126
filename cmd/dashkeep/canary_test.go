package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/dashkeep/dashkeep/internal/platform/superset/supersettest"
)

// The canaries: one secret of each kind that dashkeep ever holds or meets.
const (
	canaryLogin  = "kanari-login-5a1e77"
	canaryGit    = "kanari-git-0b6d21"
	canaryURI    = "kanari-uri-9c44fe"
	canaryQuery  = "kanari-query-3d80ab"
	canaryExtra  = "kanari-extra-77b1c9"
	canaryEnc    = "kanari-enc-e2f50d"
	canaryApply  = "kanari-apply-41ac8e"
	canaryPage   = "kanari-page-d09b63"
	canaryMeta   = "kanari-meta-6f02d8"
	canaryDSN    = "kanari-dsn-a9177c"
	canarySQL    = "kanari-sql-58e4b1"
	canaryLink   = "kanari-link-20cc9f"
	canaryParams = "kanari-params-c31d07"
	canaryOnGoal = "kanari-planted-on-purpose"
)

// aviary is a world with canaries, and everything that must not hold one.
type aviary struct {
	*world
	mu     sync.Mutex
	birds  map[string]string // secret -> what it is
	output bytes.Buffer      // everything printed by any command
}

func (v *aviary) add(secret, what string) {
	if len(secret) < 8 {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.birds[secret] = what
}

// watch notes the tokens and cookies that a server and its client exchange.
func (v *aviary) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
			v.add(token, "an authorization header")
		}
		v.add(r.Header.Get("X-CSRFToken"), "a CSRF token")
		for _, c := range r.Cookies() {
			v.add(c.Value, "a cookie")
		}
		next.ServeHTTP(w, r)
	})
}

// tell answers with a page that repeats all it was sent, as careless proxies do.
func tell(status int) supersettest.Behaviour {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"message": "Authorization: %s Cookie: %s sent: %s", "debug": "token=%s"}`,
			r.Header.Get("Authorization"), r.Header.Get("Cookie"), strings.ReplaceAll(string(body), `"`, `'`), canaryPage)
	}
}

func (v *aviary) do(args ...string) result {
	v.t.Helper()
	r := v.try(args...)
	fmt.Fprintf(&v.output, "$ dashkeep %s\n%s%s\n", args[0], r.out, r.err)
	return r
}

// want is do with the exit code checked.
func (v *aviary) want(code int, args ...string) {
	v.t.Helper()
	if r := v.do(args...); r.code != code {
		v.t.Errorf("dashkeep %s: exit %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
}

// gitOverHTTP serves the world's remote by git's own server, with a password.
func (v *aviary) gitOverHTTP() string {
	v.t.Helper()
	h := v.gitBackend()
	if h == nil {
		v.t.Log("this git has no http-backend, so the remote's password is not tested")
		return "./remote.git"
	}
	srv := httptest.NewServer(v.watch(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pw, _ := r.BasicAuth(); pw != canaryGit {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "not "+r.Header.Get("Authorization"), http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})))
	v.t.Cleanup(srv.Close)
	return srv.URL + "/remote.git"
}

// gitBackend is git's own server of the world's remote; nil when this git has none.
func (w *world) gitBackend() *cgi.Handler {
	w.t.Helper()
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		w.t.Fatal(err)
	}
	backend := filepath.Join(strings.TrimSpace(string(out)), "git-http-backend")
	if _, err := os.Stat(backend); err != nil {
		return nil
	}
	w.git("remote.git", "config", "http.receivepack", "true")
	return &cgi.Handler{Path: backend, Env: []string{"GIT_PROJECT_ROOT=" + w.dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=bot",
		"GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "HOME=/nonexistent"}, InheritEnv: []string{"PATH"}}
}

// newAviary fills a server whose database carries secrets in every place, and a
// config that supplies others.
func newAviary(t *testing.T) (*aviary, *supersettest.Server, string) {
	t.Helper()
	v := &aviary{birds: map[string]string{canaryLogin: "the login password", canaryGit: "the Git password", canaryURI: "the database password",
		canaryQuery: "a query parameter of the URI", canaryExtra: "extra", canaryEnc: "encrypted_extra", canaryApply: "a value under secrets:",
		canaryPage: "an error page", canaryMeta: "metadata_params", canaryDSN: "a connection string in extra", canarySQL: "a connection string in SQL",
		canaryLink: "a parameter of an address in SQL", canaryParams: "template_params of a dataset"}}
	user := supersettest.User{Username: "svc", Password: canaryLogin, First: "S", Last: "Vc", Email: "svc@example.com", Role: supersettest.Admin}
	start := func(id int) (*supersettest.Server, string) {
		sim := supersettest.New(supersettest.WithFirstID(id), supersettest.WithUsers(user))
		h := httptest.NewServer(v.watch(sim))
		t.Cleanup(h.Close)
		return sim, h.URL
	}
	sim, url := start(1)
	_, url2 := start(500)
	if err := sim.Seed(supersettest.Examples); err != nil {
		t.Fatal(err)
	}
	db := sim.Objects(supersettest.Database)[0].UUID
	if err := sim.EditAs("admin", supersettest.Database, db, func(f map[string]any) {
		f["sqlalchemy_uri"] = "postgresql://svc:XXXXXXXXXX@db.example.com/x?password=" + canaryQuery + "&sslmode=require"
		f["password"] = canaryURI
		f["extra"] = `{"engine_params": {"connect_args": {"password": "` + canaryExtra + `", "dsn": "host=db user=svc password=` + canaryDSN + `"}},
			"metadata_params": {"connect_args": {"api_key": "` + canaryMeta + `"}}}`
		f["encrypted_extra"] = `{"credentials_info": {"private_key": "` + canaryEnc + `"}}`
	}); err != nil {
		t.Fatal(err)
	}
	if err := sim.EditAs("admin", supersettest.Dataset, sim.Objects(supersettest.Dataset)[0].UUID, func(f map[string]any) {
		f["sql"] = "SELECT * FROM dblink('host=db.example.com user=svc password=" + canarySQL + "', 'select 1')\n" +
			"UNION ALL SELECT * FROM url('https://api.example.com/rows?format=csv&api_key=" + canaryLink + "')"
		f["template_params"] = `{"region": "EMEA", "warehouse_password": "` + canaryParams + `"}`
		f["catalog"] = "x" // what Superset writes into a dataset without one, once its owners are set
	}); err != nil {
		t.Fatal(err)
	}
	v.world = newWorld(t, &server{url: url}, nil)
	remote := v.gitOverHTTP()
	v.write("login", canaryLogin+"\n")
	v.write("gitpw", canaryGit+"\n")
	for name, secret := range map[string]string{"dbpw": canaryApply, "query": canaryQuery, "extra": canaryExtra, "enc": canaryEnc, "meta": canaryMeta, "dsn": canaryDSN} {
		v.write(name, secret+"\n")
	}
	secrets := fmt.Sprintf(`{"database:%s": {password: {file: ./dbpw}, "uri_query/password": {file: ./query}, "extra/engine_params/connect_args/password": {file: ./extra}, "extra/engine_params/connect_args/dsn": {file: ./dsn}, "extra/metadata_params/connect_args/api_key": {file: ./meta}, "encrypted_extra/credentials_info/private_key": {file: ./enc}}}`, db)
	config := "version: 1\nrepo: {path: ./dashboards, remote: " + remote + ", auth: {username: bot, password: {file: ./gitpw}}}\ninstances:\n"
	for i, u := range []string{url, url2} {
		config += fmt.Sprintf("  - name: %s\n    platform: superset\n    url: %s\n    auth: {username: svc, password: {file: ./login}}\n    direction: two-way\n    schedule: \"@every 1s\"\n    auto_apply: true\n    rules: [{match: \"kind:database\", overwrite: if-unchanged}]\n    secrets: %s\n",
			[]string{"prod", "standby"}[i], u, secrets)
	}
	v.write("dashkeep.yaml", config)
	return v, sim, db
}

// TestSE1_SE2_noCanaryAnywhere runs every command, good and failing, and then
// looks for each secret in every byte printed, every file of the clone and every
// object of the clone and the remote.
func TestSE1_SE2_noCanaryAnywhere(t *testing.T) {
	notUnderRace(t)
	v, sim, db := newAviary(t)
	v.want(0, "pull", "prod", "-v")
	v.want(0, "--output", "json", "pull", "prod")
	v.want(0, "check", "-v")
	v.want(0, "--output", "json", "check")
	v.want(0, "status", "prod")
	v.want(0, "--output", "json", "status", "prod")
	v.want(0, "lint")

	file := v.one("dashboards", "prod", "databases", "*.yaml")
	v.edit(file, "\nspec:\n", "\nspec:\n  cache_timeout: 77\n")
	v.git("dashboards", "commit", "-q", "-a", "-m", "by hand")
	v.want(0, "plan", "prod", "-v", "--out", v.path("dashboards", ".git", "plan.json"))
	v.want(2, "--output", "json", "plan", "prod", "--detailed-exitcode")
	v.want(0, "apply", "prod", "--yes", "-v")
	if o, _ := sim.Object(supersettest.Database, db); o.Fields["password"] != canaryApply {
		t.Errorf("the secret was not supplied at apply: the server has %q", o.Fields["password"])
	}
	v.want(0, "pull", "prod")
	v.want(0, "restore", "prod", "--at", "HEAD", "--to", "standby", "--select", "kind:database", "--yes", "-v")
	v.want(0, "--output", "json", "pull", "standby")

	v.dataset(sim)
	v.failures(sim)
	v.older()
	v.serves(sim)
	v.do("init", "https://svc:"+canaryLogin+"@superset.example.com")
	v.birdsInSight(t)
}

// dataset applies an edit of the dataset whose SQL holds secrets: they are put back.
func (v *aviary) dataset(sim *supersettest.Server) {
	v.t.Helper()
	ds := sim.Objects(supersettest.Dataset)[0]
	v.edit(v.one("dashboards", "prod", "datasets", "*."+ds.UUID[:8]+"*.yaml"), "\nspec:\n", "\nspec:\n  default_endpoint: by hand\n")
	v.git("dashboards", "commit", "-q", "-a", "-m", "by hand")
	v.want(0, "apply", "prod", "--yes", "-v")
	o, _ := sim.Object(supersettest.Dataset, ds.UUID)
	text := fmt.Sprint(o.Fields["sql"], o.Fields["template_params"])
	if o.Fields["default_endpoint"] != "by hand" || !strings.Contains(text, canarySQL) || !strings.Contains(text, canaryLink) || !strings.Contains(text, canaryParams) {
		v.t.Errorf("the secrets in a dataset were not put back: %s", text)
	}
}

// older asks a release that tells rights only to who logs in by the form, through
// answers that repeat what was sent.
func (v *aviary) older() {
	v.t.Helper()
	sim := supersettest.New(supersettest.WithVersion("4.1.4"), supersettest.WithUsers(
		supersettest.User{Username: "svc", Password: canaryLogin, First: "S", Last: "Vc", Email: "svc@example.com"}))
	h := httptest.NewServer(v.watch(sim))
	v.t.Cleanup(h.Close)
	v.write("old.yaml", "version: 1\nrepo: {path: ./dashboards}\ninstances:\n  - name: old\n    platform: superset\n    url: "+h.URL+
		"\n    auth: {username: svc, password: {file: ./login}}\n")
	v.want(0, "--config", v.path("old.yaml"), "check", "-v")
	for _, status := range []int{401, 403, 500} {
		for _, path := range []string{"/login/", "/me/roles/", "/menu/"} {
			sim.Break(supersettest.Fault{Path: path, Do: tell(status)})
			v.do("--config", v.path("old.yaml"), "check", "-v")
			sim.Mend()
		}
	}
}

// failures are runs that go wrong in ways that repeat secrets.
func (v *aviary) failures(sim *supersettest.Server) {
	v.t.Helper()
	for _, f := range []supersettest.Fault{
		{Path: "/security/login", Do: tell(401)}, {Path: "/export/", Do: tell(400)}, {Method: "GET", Path: "/api/v1/chart", Do: tell(403)},
		{Method: "PUT", Do: tell(422)}, {Method: "POST", Path: "/import/", Do: tell(422)},
	} {
		sim.Break(f)
		v.do("pull", "prod", "-v", "--full")
		v.do("--output", "json", "restore", "prod", "--at", "HEAD~1", "--select", "kind:database", "--yes")
		sim.Mend()
	}
	sim.Break(supersettest.Fault{Path: "/security/login", Do: tell(500)})
	v.want(1, "check", "-v")
	sim.Mend()
	v.write("gitpw", "wrong-"+canaryGit+"\n")
	v.do("pull", "prod", "-v")
	v.write("gitpw", canaryGit+"\n")
	v.write("login", "wrong-"+canaryLogin+"\n")
	v.want(12, "pull", "prod", "-v")
	v.write("login", canaryLogin+"\n")
}

// serves runs the daemon for a while, through a good and a failing run.
func (v *aviary) serves(sim *supersettest.Server) {
	v.t.Helper()
	d := v.start("-v", "serve")
	v.eventually("a run", d, func() bool { return strings.Contains(d.log.String(), `"msg":"run done"`) })
	sim.Break(supersettest.Fault{Path: "/api/v1/chart/", Do: tell(500)})
	v.eventually("a failing run", d, func() bool { return strings.Contains(d.log.String(), `"msg":"run failed"`) })
	sim.Mend()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	_ = d.cmd.Wait()
	v.output.WriteString(d.log.String())
}

// birdsInSight looks everywhere, and first shows that it can see.
func (v *aviary) birdsInSight(t *testing.T) {
	t.Helper()
	if len(v.birds) < 12 {
		t.Errorf("only %d secrets were ever seen: tokens and cookies are missing", len(v.birds))
	}
	if found := v.find(); len(found) > 0 {
		t.Errorf("%d secrets are where they must not be:\n%s", len(found), strings.Join(found, "\n"))
	}
	t.Logf("%d secrets, %d bytes of output, 0 hits expected", len(v.birds), v.output.Len())
	v.add(canaryOnGoal, "planted")
	v.write("dashboards/planted.txt", canaryOnGoal)
	v.git("dashboards", "add", "planted.txt")
	v.git("dashboards", "commit", "-q", "-m", "planted")
	v.git("dashboards", "push", "-q", v.path("remote.git"), "HEAD:refs/heads/planted")
	v.output.WriteString(canaryOnGoal)
	if found := v.find(); len(found) < 4 {
		t.Errorf("a secret planted in output, a file and the objects of two repositories was found in %v only", found)
	}
}

// find lists where a secret stands.
func (v *aviary) find() (found []string) {
	v.t.Helper()
	places := map[string][]byte{"output": v.output.Bytes()}
	for _, dir := range []string{"dashboards", "remote.git"} {
		cmd := exec.Command("git", "cat-file", "--batch", "--batch-all-objects")
		cmd.Dir = v.path(dir)
		out, err := cmd.Output()
		if err != nil || len(out) < 1000 {
			v.t.Fatalf("objects of %s: %d bytes, %v", dir, len(out), err)
		}
		places["objects of "+dir] = out
	}
	err := filepath.WalkDir(v.path("dashboards"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			places[p], err = os.ReadFile(p)
		}
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
	for where, data := range places {
		for secret, what := range v.birds {
			if i := bytes.Index(data, []byte(secret)); i >= 0 {
				found = append(found, fmt.Sprintf("%s in %s: …%q…", what, where, data[max(0, i-80):min(len(data), i+80)]))
			}
		}
	}
	return found
}
