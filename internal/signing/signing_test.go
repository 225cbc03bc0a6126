package signing

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

const commit = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a@example.com> 1790000000 +0000\ncommitter A <a@example.com> 1790000000 +0000\n\nsubject\n"

var made = time.Unix(1790000000, 0)

// sshKey has ssh-keygen make a key.
func sshKey(t *testing.T, kind, passphrase string) (private []byte, public, file string) {
	t.Helper()
	if _, err := exec.LookPath("ssh-keygen"); err != nil {
		t.Skip("no ssh-keygen to compare with")
	}
	file = filepath.Join(t.TempDir(), "id")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "a comment", "-f", file).CombinedOutput(); err != nil {
		t.Skipf("ssh-keygen -t %s: %v %s", kind, err, out)
	}
	private, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return private, strings.TrimSpace(string(pub)), file
}

func signers(t *testing.T, lines ...string) *Signers {
	t.Helper()
	s, err := ParseSigners("allowed_signers", []byte(strings.Join(lines, "\n")+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSSH_bothWaysWithOpenSSH(t *testing.T) {
	for _, kind := range []string{"ed25519", "rsa", "ecdsa"} {
		for _, pass := range []string{"", "open sesame"} {
			t.Run(kind+" "+pass, func(t *testing.T) {
				private, public, file := sshKey(t, kind, pass)
				sign, err := SSH(private, func() (string, error) { return pass, nil })
				if err != nil {
					t.Fatal(err)
				}
				sig, err := sign([]byte(commit))
				if err != nil {
					t.Fatal(err)
				}
				who, err := signers(t, "# people", "", "ada@example.com "+public).Verify([]byte(commit), sig, made)
				if err != nil || who != "ada@example.com" {
					t.Errorf("own signature: %q %v", who, err)
				}
				allowed, sigFile := filepath.Join(t.TempDir(), "allowed"), filepath.Join(t.TempDir(), "sig")
				os.WriteFile(allowed, []byte("ada@example.com "+public+"\n"), 0o600)
				os.WriteFile(sigFile, []byte(sig), 0o600)
				check := exec.Command("ssh-keygen", "-Y", "verify", "-n", "git", "-f", allowed, "-I", "ada@example.com", "-s", sigFile)
				check.Stdin = strings.NewReader(commit)
				if out, err := check.CombinedOutput(); err != nil {
					t.Errorf("ssh-keygen -Y verify: %v %s\n%s", err, out, sig)
				}
				if pass != "" {
					return // ssh-keygen would ask a terminal
				}
				theirs := exec.Command("ssh-keygen", "-Y", "sign", "-n", "git", "-f", file)
				theirs.Stdin = strings.NewReader(commit)
				out, err := theirs.Output()
				if err != nil {
					t.Fatal(err)
				}
				if who, err := signers(t, "ada@example.com "+public).Verify([]byte(commit), string(out), made); err != nil || who != "ada@example.com" {
					t.Errorf("signature of ssh-keygen: %q %v", who, err)
				}
			})
		}
	}
}

func TestSSH_whatDoesNotCount(t *testing.T) {
	private, public, file := sshKey(t, "ed25519", "")
	_, other, _ := sshKey(t, "ed25519", "")
	sign, err := SSH(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	sig, _ := sign([]byte(commit))
	mine := "ada@example.com " + public
	files := exec.Command("ssh-keygen", "-Y", "sign", "-n", "file", "-f", file)
	files.Stdin = strings.NewReader(commit)
	forFiles, err := files.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		allowed, commit, sig, says string
	}{
		"no signature":       {mine, commit, "", "not signed"},
		"other content":      {mine, commit + "x", sig, "does not fit"},
		"unknown key":        {"bob@example.com " + other, commit, sig, "is not in allowed_signers"},
		"for files":          {mine, commit, string(forFiles), `for "file"`},
		"cut off":            {mine, commit, sig[:len(sig)/2], "malformed"},
		"junk inside":        {mine, commit, sshSigBegin + "\n!!!\n" + sshSigEnd, "malformed"},
		"empty":              {mine, commit, sshSigBegin + "\n" + sshSigEnd, "malformed"},
		"X.509":              {mine, commit, "-----BEGIN SIGNED MESSAGE-----\nx\n", "not known here"},
		"other namespace":    {`ada@example.com namespaces="file,email" ` + public, commit, sig, "other things"},
		"too early":          {`ada@example.com valid-after="20400101Z" ` + public, commit, sig, "counts from"},
		"too late":           {`ada@example.com valid-before="20200101Z" ` + public, commit, sig, "counted until"},
		"PGP key in no ring": {mine, commit, pgpSignature(t, newEntity(t), commit), "OpenPGP key is not in"},
	} {
		t.Run(name, func(t *testing.T) {
			who, err := signers(t, c.allowed).Verify([]byte(c.commit), c.sig, made)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%q, %v; want %q", who, err, c.says)
			}
		})
	}
	if _, err := signers(t, mine).Verify([]byte(commit), "", made); !errors.Is(err, ErrUnsigned) {
		t.Errorf("%v", err)
	}
	within := `"Ada" namespaces="git",valid-after="20200101",valid-before="20400101Z" ` + public
	if who, err := signers(t, within).Verify([]byte(commit), sig, made); err != nil || who != "Ada" {
		t.Errorf("%q %v", who, err)
	}
	// A flipped bit anywhere in the signature is never taken for good.
	for i := range sig {
		bad := []byte(sig)
		bad[i] ^= 1
		if string(bad) == sig || strings.Join(strings.Fields(string(bad)), "") == strings.Join(strings.Fields(sig), "") {
			continue
		}
		if who, err := signers(t, mine).Verify([]byte(commit), string(bad), made); err == nil {
			t.Errorf("bit of byte %d flipped: signed by %q", i, who)
		}
	}
}

func TestParseSigners_errors(t *testing.T) {
	_, public, _ := sshKey(t, "ed25519", "")
	for in, says := range map[string]string{
		"":                               "names no signer",
		"# nothing\n":                    "names no signer",
		"\nada@example.com\n":            "f:2: expected",
		"ada@example.com ssh-ed25519 x":  "f:1: no SSH public key",
		"* cert-authority " + public:     "f:1: cert-authority",
		"* spin " + public:               `f:1: option "spin"`,
		`* valid-after="soon" ` + public: "no time like",
		pgpKeyBegin + "\n\nxx\n" + pgpKeyEnd + "\n": "f:1: no OpenPGP public key",
		"# x\n" + pgpKeyBegin + "\n":                "f:2: the key block does not end",
	} {
		if _, err := ParseSigners("f", []byte(in)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v; want %q", in, err, says)
		}
	}
}

func newEntity(t *testing.T) *openpgp.Entity {
	t.Helper()
	e, err := openpgp.NewEntity("Ada Lovelace", "", "ada@example.com", &packet.Config{Algorithm: packet.PubKeyAlgoEdDSA, Time: func() time.Time { return made.Add(-time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func armored(t *testing.T, kind string, write func(w *bytes.Buffer) error) string {
	t.Helper()
	var raw, out bytes.Buffer
	if err := write(&raw); err != nil {
		t.Fatal(err)
	}
	w, err := armor.Encode(&out, kind, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(raw.Bytes())
	w.Close()
	return out.String() + "\n"
}

func publicKey(t *testing.T, e *openpgp.Entity) string {
	return armored(t, openpgp.PublicKeyType, func(w *bytes.Buffer) error { return e.Serialize(w) })
}

func pgpSignature(t *testing.T, e *openpgp.Entity, text string) string {
	t.Helper()
	sign, err := OpenPGP([]byte(armored(t, openpgp.PrivateKeyType, func(w *bytes.Buffer) error { return e.SerializePrivateWithoutSigning(w, nil) })), nil, func() time.Time { return made })
	if err != nil {
		t.Fatal(err)
	}
	sig, err := sign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func TestOpenPGP(t *testing.T) {
	e, other := newEntity(t), newEntity(t)
	sig := pgpSignature(t, e, commit)
	both := publicKey(t, other) + "# and\n" + publicKey(t, e)
	if who, err := signers(t, both).Verify([]byte(commit), sig, made); err != nil || who != "Ada Lovelace <ada@example.com>" {
		t.Errorf("%q %v", who, err)
	}
	if _, err := signers(t, both).Verify([]byte(commit+"x"), sig, made); err == nil || !strings.Contains(err.Error(), "does not count") {
		t.Errorf("other content: %v", err)
	}
	if _, err := signers(t, publicKey(t, other)).Verify([]byte(commit), sig, made); err == nil || !strings.Contains(err.Error(), "not in allowed_signers") {
		t.Errorf("unknown key: %v", err)
	}
	if _, err := signers(t, both).Verify([]byte(commit), sig[:len(sig)-60], made); err == nil {
		t.Error("a cut signature counts")
	}
}

func TestOpenPGP_encryptedKey(t *testing.T) {
	e := newEntity(t)
	if err := e.EncryptPrivateKeys([]byte("open sesame"), nil); err != nil {
		t.Fatal(err)
	}
	key := []byte(armored(t, openpgp.PrivateKeyType, func(w *bytes.Buffer) error { return e.SerializePrivateWithoutSigning(w, nil) }))
	now := func() time.Time { return made }
	if _, err := OpenPGP(key, nil, now); err == nil || !strings.Contains(err.Error(), "no passphrase") {
		t.Errorf("%v", err)
	}
	if _, err := OpenPGP(key, func() (string, error) { return "wrong", nil }, now); err == nil || !strings.Contains(err.Error(), "does not open") {
		t.Errorf("%v", err)
	}
	sign, err := OpenPGP(key, func() (string, error) { return "open sesame", nil }, now)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := sign([]byte(commit))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signers(t, publicKey(t, e)).Verify([]byte(commit), sig, made); err != nil {
		t.Error(err)
	}
	if _, err := OpenPGP([]byte(publicKey(t, e)), nil, now); err == nil {
		t.Error("a public key signs")
	}
}

func TestOpenPGP_bothWaysWithGnuPG(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		t.Skip("no gpg to compare with")
	}
	home, err := os.MkdirTemp("", "gnupg") // short: the agent's socket is in it
	if err != nil {
		t.Fatal(err)
	}
	gpg := func(stdin string, args ...string) (string, error) {
		cmd := exec.Command("gpg", append([]string{"--homedir", home, "--batch", "--no-tty", "--quiet"}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		return string(out) + errs.String(), err
	}
	t.Cleanup(func() {
		exec.Command("gpgconf", "--homedir", home, "--kill", "gpg-agent").Run()
		os.RemoveAll(home)
	})
	if out, err := gpg("", "--passphrase", "", "--quick-gen-key", "Grace <grace@example.com>", "ed25519", "sign", "never"); err != nil {
		t.Skipf("gpg cannot make a key here: %v %s", err, out)
	}
	public, _ := gpg("", "--armor", "--export", "grace@example.com")
	private, _ := gpg("", "--armor", "--export-secret-keys", "grace@example.com")
	theirs, err := gpg(commit, "--armor", "--detach-sign")
	if err != nil {
		t.Fatal(theirs, err)
	}
	if who, err := signers(t, public).Verify([]byte(commit), theirs, time.Now()); err != nil || !strings.HasPrefix(who, "Grace") {
		t.Errorf("signature of gpg: %q %v", who, err)
	}
	sign, err := OpenPGP([]byte(private), nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	sig, err := sign([]byte(commit))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "sig")
	os.WriteFile(file, []byte(sig), 0o600)
	if out, err := gpg(commit, "--verify", file, "-"); err != nil {
		t.Errorf("gpg --verify: %v %s", err, out)
	}
}
