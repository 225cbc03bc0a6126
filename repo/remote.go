package repo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/file"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
)

// remote is how to reach the other repository.
type remote struct {
	ep     *transport.Endpoint
	client transport.Transport
	auth   Auth
	clean  string   // the URL without credentials, for people and .git/config
	secret []string // parts of the URL that must not be printed

	mu   sync.Mutex
	used string // the password of the last session, for the same reason
}

// dialTimeout bounds reaching a host; the caller's context bounds the rest.
const dialTimeout = 30 * time.Second

func newRemote(o Options) (*remote, error) {
	if o.Remote == "" {
		return nil, nil
	}
	r := &remote{auth: o.Auth}
	r.clean, r.secret = redactURL(o.Remote)
	ep, err := transport.NewEndpoint(o.Remote)
	if err != nil {
		return nil, fmt.Errorf("remote %s is not a Git URL", r.clean)
	}
	r.ep = ep
	switch ep.Protocol {
	case "http", "https":
		r.client = newHTTPClient()
	case "ssh":
		r.client = gitssh.NewClient(nil)
	case "file":
		// go-git runs git-upload-pack and git-receive-pack for these.
		r.client = file.NewClient(transport.UploadPackServiceName, transport.ReceivePackServiceName)
	default:
		return nil, fmt.Errorf("remote %s: protocol %q is not supported; use https, ssh or file", r.clean, ep.Protocol)
	}
	return r, nil
}

func newHTTPClient() transport.Transport {
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: dialTimeout}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          4,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   dialTimeout,
		ExpectContinueTimeout: time.Second,
	}
	return githttp.NewClient(&http.Client{Transport: t})
}

// redactURL takes user and password out of a URL.
func redactURL(raw string) (clean string, secret []string) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return raw, nil // user@host:path and folders hold no password
	}
	if pw, ok := u.User.Password(); ok {
		secret = append(secret, pw, url.QueryEscape(pw), url.PathEscape(pw), u.User.String())
	} else if u.User != nil && u.Scheme != "ssh" {
		secret = append(secret, u.User.Username(), u.User.String()) // a token
	}
	if u.Scheme == "ssh" {
		u.User = url.User(u.User.Username())
	} else {
		u.User = nil
	}
	if u.RawQuery != "" {
		secret = append(secret, u.RawQuery)
		u.RawQuery = ""
	}
	return u.String(), secret
}

// login makes the credentials of one session.
func (r *remote) login(ctx context.Context) (transport.AuthMethod, error) {
	switch {
	case strings.HasPrefix(r.ep.Protocol, "http") && r.auth.Basic != nil:
		user, pass, err := r.auth.Basic(ctx)
		if err != nil {
			return nil, fmt.Errorf("remote %s: reading the credentials: %w", r.clean, err)
		}
		if user == "" {
			user = "git" // hosts that take a token ignore the name, and refuse an empty one
		}
		r.mu.Lock()
		r.used = pass
		r.mu.Unlock()
		return &githttp.BasicAuth{Username: user, Password: pass}, nil
	case r.ep.Protocol == "ssh":
		return r.sshAuth(ctx)
	}
	return nil, nil
}

func (r *remote) sshAuth(ctx context.Context) (transport.AuthMethod, error) {
	hosts, err := r.hostKeys()
	if err != nil {
		return nil, err
	}
	user := r.ep.User
	if user == "" {
		user = gitssh.DefaultUsername
	}
	if r.auth.SSHKeyFile == "" {
		a, err := gitssh.NewSSHAgentAuth(user)
		if err != nil {
			return nil, &AuthError{r.clean, "no ssh key is configured and the agent does not answer: " + err.Error()}
		}
		a.HostKeyCallbackHelper = hosts
		return a, nil
	}
	key, err := readSmall(r.auth.SSHKeyFile, 1<<20)
	if err != nil {
		return nil, fmt.Errorf("remote %s: reading the ssh key: %w", r.clean, err)
	}
	signer, err := ssh.ParsePrivateKey(key)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		if r.auth.Passphrase == nil {
			return nil, &AuthError{r.clean, "the ssh key " + r.auth.SSHKeyFile + " is encrypted and no passphrase is configured"}
		}
		phrase, e := r.auth.Passphrase(ctx)
		if e != nil {
			return nil, fmt.Errorf("remote %s: reading the passphrase: %w", r.clean, e)
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(key, []byte(phrase))
	}
	if err != nil {
		return nil, &AuthError{r.clean, "the ssh key " + r.auth.SSHKeyFile + " cannot be used: " + err.Error()}
	}
	return &gitssh.PublicKeys{User: user, Signer: signer, HostKeyCallbackHelper: hosts}, nil
}

// hostKeys restricts the session to the algorithms that the host's known_hosts
// entries have: the server would otherwise offer a key of another kind, which
// looks like a changed one (go-git#411).
func (r *remote) hostKeys() (gitssh.HostKeyCallbackHelper, error) {
	var files []string
	if r.auth.KnownHosts != "" {
		files = []string{r.auth.KnownHosts}
	} else {
		home, err := os.UserHomeDir()
		if err == nil {
			files = append(files, home+"/.ssh/known_hosts")
		}
		files = append(files, "/etc/ssh/ssh_known_hosts")
		files = existing(files)
	}
	if len(files) == 0 {
		return gitssh.HostKeyCallbackHelper{}, &AuthError{r.clean, "there is no known_hosts file; run ssh-keyscan, check the key and set known_hosts"}
	}
	db, err := knownhosts.NewDB(files...)
	if err != nil {
		return gitssh.HostKeyCallbackHelper{}, fmt.Errorf("remote %s: reading known_hosts: %w", r.clean, err)
	}
	port := r.ep.Port
	if port == 0 {
		port = gitssh.DefaultPort
	}
	host := net.JoinHostPort(r.ep.Host, strconv.Itoa(port))
	algs := db.HostKeyAlgorithms(host)
	if len(algs) == 0 {
		return gitssh.HostKeyCallbackHelper{}, &AuthError{r.clean, fmt.Sprintf("the host key of %s is not in %s; run ssh-keyscan, check the key and add it", host, strings.Join(files, ", "))}
	}
	return gitssh.HostKeyCallbackHelper{HostKeyCallback: db.HostKeyCallback(), HostKeyAlgorithms: algs}, nil
}

func existing(files []string) []string {
	var out []string
	for _, f := range files {
		if exists(f) {
			out = append(out, f)
		}
	}
	return out
}

// failure makes an error of the transport fit to be shown: without credentials,
// and of a type that says what to do next.
func (r *remote) failure(err error) error {
	if err == nil {
		return nil
	}
	var own *AuthError
	if errors.As(err, &own) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	text := err.Error()
	r.mu.Lock()
	secrets := append([]string{r.used}, r.secret...)
	r.mu.Unlock()
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "[redacted]")
		}
	}
	text = strings.TrimSpace(clean(text, false))
	if len(text) > 500 {
		text = text[:500] + "…"
	}
	switch {
	case strings.Contains(text, "knownhosts: key mismatch"):
		return &AuthError{r.clean, text + "; somebody may be in between. If the key was changed on purpose: ssh-keygen -R " + r.ep.Host + ", then ssh-keyscan, check the key and add it"}
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed),
		strings.Contains(text, "unable to authenticate"), strings.Contains(text, "knownhosts:"):
		return &AuthError{r.clean, text}
	case errors.Is(err, transport.ErrRepositoryNotFound):
		return &UnreachableError{r.clean, "there is no such repository, or the account may not see it"}
	}
	return &UnreachableError{r.clean, text}
}

// upload opens a session to fetch and reads what the remote has. An empty
// remote has no references; the session is then closed.
func (r *remote) upload(ctx context.Context) (transport.UploadPackSession, *packp.AdvRefs, error) {
	auth, err := r.login(ctx)
	if err != nil {
		return nil, nil, err
	}
	sess, err := r.client.NewUploadPackSession(r.ep, auth)
	if err != nil {
		return nil, nil, r.failure(err)
	}
	adv, err := sess.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return sess, packp.NewAdvRefs(), nil
	}
	if err != nil {
		sess.Close()
		return nil, nil, r.failure(err)
	}
	return sess, adv, nil
}

// receive opens a session to push and reads what the remote has.
func (r *remote) receive(ctx context.Context) (transport.ReceivePackSession, *packp.AdvRefs, error) {
	auth, err := r.login(ctx)
	if err != nil {
		return nil, nil, err
	}
	sess, err := r.client.NewReceivePackSession(r.ep, auth)
	if err != nil {
		return nil, nil, r.failure(err)
	}
	adv, err := sess.AdvertisedReferencesContext(ctx)
	if errors.Is(err, transport.ErrEmptyRemoteRepository) || err == nil && adv == nil {
		return sess, packp.NewAdvRefs(), nil
	}
	if err != nil {
		sess.Close()
		return nil, nil, r.failure(err)
	}
	return sess, adv, nil
}

// defaultBranch is what the remote's HEAD names, "" when it does not tell.
func (r *remote) defaultBranch(ctx context.Context) (string, error) {
	sess, adv, err := r.upload(ctx)
	if err != nil {
		return "", err
	}
	defer sess.Close()
	for _, v := range adv.Capabilities.Get(capability.SymRef) {
		if target, ok := strings.CutPrefix(v, "HEAD:"); ok && strings.HasPrefix(target, headsPrefix) && checkRefName(target) == nil {
			return target, nil
		}
	}
	return "", nil
}

// needsMultiAck: Azure DevOps serves nobody who does not ask for multi_ack
// (go-git#64).
func (r *remote) needsMultiAck() bool {
	return strings.HasSuffix(r.ep.Host, "dev.azure.com") || strings.HasSuffix(r.ep.Host, ".visualstudio.com")
}

func headRefName(branch string) plumbing.ReferenceName {
	return plumbing.ReferenceName(headsPrefix + branch)
}
