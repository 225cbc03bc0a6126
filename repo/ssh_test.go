package repo_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/dashkeep/dashkeep/repo"
)

// sshServer runs git for whoever has the key. It has two host keys.
type sshServer struct {
	addr    string
	ed, rsa ssh.Signer
}

func (l *lab) sshServe(client ssh.PublicKey) *sshServer {
	l.Helper()
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		l.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		l.Fatal(err)
	}
	s := &sshServer{}
	s.ed, _ = ssh.NewSignerFromKey(edKey)
	s.rsa, _ = ssh.NewSignerFromKey(rsaKey)
	cfg := &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if string(k.Marshal()) != string(client.Marshal()) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	cfg.AddHostKey(s.rsa)
	cfg.AddHostKey(s.ed)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		l.Fatal(err)
	}
	s.addr = ln.Addr().String()
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { sshSession(conn, cfg) })
		}
	})
	l.Cleanup(func() { ln.Close(); wg.Wait() })
	return s
}

func sshSession(conn net.Conn, cfg *ssh.ServerConfig) {
	defer conn.Close()
	_, chans, reqs, err := ssh.NewServerConn(conn, cfg)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(reqs)
	for nc := range chans {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		for r := range reqs {
			if r.Type != "exec" {
				r.Reply(false, nil)
				continue
			}
			r.Reply(true, nil)
			name, path, _ := strings.Cut(string(r.Payload[4:]), " ")
			cmd := exec.Command("git", strings.TrimPrefix(name, "git-"), strings.Trim(path, "'"))
			cmd.Env, cmd.Stdout, cmd.Stderr = gitEnv(), ch, ch.Stderr()
			in, err := cmd.StdinPipe()
			if err == nil && cmd.Start() == nil {
				go func() { io.Copy(in, ch); in.Close() }()
				cmd.Wait()
			}
			ch.SendRequest("exit-status", false, []byte{0, 0, 0, 0})
			ch.Close()
		}
	}
}

func TestSSHRemote(t *testing.T) {
	l := newLab(t)
	ctx := context.Background()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte("pass-canary"))
	if err != nil {
		t.Fatal(err)
	}
	l.write(l.path("id"), string(pem.EncodeToMemory(block)))
	clientKey, _ := ssh.NewPublicKey(pub)
	srv := l.sshServe(clientKey)
	server := l.bare("server.git")
	o := l.options("a")
	o.Remote = "ssh://git@" + srv.addr + server
	o.Auth = repo.Auth{SSHKeyFile: l.path("id"), KnownHosts: l.path("known_hosts"),
		Passphrase: func(context.Context) (string, error) { return "pass-canary", nil }}

	// Only the second of the server's keys is known; it must be the one asked for.
	l.write(o.Auth.KnownHosts, knownhosts.Line([]string{srv.addr}, srv.ed.PublicKey())+"\n")
	a := l.open(o)
	rev := l.commit(a, map[string]string{"x": "1"})
	push(t, a)
	if l.git(server, "rev-parse", "main") != string(rev) {
		t.Error("not pushed")
	}
	o.Path = l.path("b")
	b := l.open(o)
	if have, _, _ := b.Head(); have != rev {
		t.Errorf("clone is at %s", have)
	}

	var auth *repo.AuthError
	refused := func(what string, change func(o *repo.Options)) {
		t.Helper()
		o := o
		o.Path = l.path("refused")
		change(&o)
		_, err := repo.Open(ctx, o)
		if !errors.As(err, &auth) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, otherKey, _ := ed25519.GenerateKey(rand.Reader)
	refused("encrypted key without passphrase", func(o *repo.Options) { o.Auth.Passphrase = nil })
	refused("wrong passphrase", func(o *repo.Options) {
		o.Auth.Passphrase = func(context.Context) (string, error) { return "wrong-canary", nil }
	})
	refused("a key the server does not know", func(o *repo.Options) {
		block, _ := ssh.MarshalPrivateKey(otherKey, "")
		o.Auth.SSHKeyFile = l.path("other")
		l.write(o.Auth.SSHKeyFile, string(pem.EncodeToMemory(block)))
	})
}

// A host key that changed or is not known, and no agent: refused, with what to do.
func TestGT6_HostKeysAndNoAgent(t *testing.T) {
	l := newLab(t)
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	l.write(l.path("id"), string(pem.EncodeToMemory(block)))
	clientKey, _ := ssh.NewPublicKey(pub)
	srv := l.sshServe(clientKey)
	server := l.bare("server.git")
	_, otherKey, _ := ed25519.GenerateKey(rand.Reader)
	other, _ := ssh.NewSignerFromKey(otherKey)
	t.Setenv("SSH_AUTH_SOCK", "")
	line := func(host string, key ssh.PublicKey) string { return knownhosts.Line([]string{host}, key) + "\n" }
	for name, c := range map[string]struct {
		known, keyFile string
		says           []string
	}{
		"changed":  {line(srv.addr, other.PublicKey()), l.path("id"), []string{"ssh-keygen -R", "ssh-keyscan"}},
		"unknown":  {line("example.com", srv.ed.PublicKey()), l.path("id"), []string{srv.addr, "ssh-keyscan"}},
		"no agent": {line(srv.addr, srv.ed.PublicKey()), "", []string{"no ssh key is configured", "agent"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := l.options("work " + name)
			o.Remote = "ssh://git@" + srv.addr + server
			o.Auth = repo.Auth{SSHKeyFile: c.keyFile, KnownHosts: l.path("known " + name)}
			l.write(o.Auth.KnownHosts, c.known)
			_, err := repo.Open(context.Background(), o)
			var auth *repo.AuthError
			if !errors.As(err, &auth) {
				t.Fatalf("%v", err)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("it does not say %q: %v", want, err)
				}
			}
			if l.read(o.Auth.KnownHosts) != c.known {
				t.Error("known_hosts was changed")
			}
		})
	}
}
