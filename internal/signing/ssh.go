package signing

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// gitNamespace is what git signs for (git-config(1), gpg.ssh): a signature for
// files or e-mails counts for no commit.
const gitNamespace = "git"

// sshMagic begins a signature and what it signs (OpenSSH, PROTOCOL.sshsig).
const sshMagic = "SSHSIG"

// sshSignature is the blob of a signature, after sshMagic.
type sshSignature struct {
	Version   uint32
	PublicKey []byte
	Namespace string
	Reserved  string
	HashAlg   string
	Signature []byte
}

// sshSigned is what is signed, after sshMagic.
type sshSigned struct {
	Namespace string
	Reserved  string
	HashAlg   string
	Hash      []byte
}

// SSH signs with a private key in any form that ssh-keygen writes.
func SSH(key []byte, pass Passphrase) (Signer, error) {
	signer, err := ssh.ParsePrivateKey(key)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		if pass == nil {
			return nil, errors.New("the key is encrypted and no passphrase is configured")
		}
		phrase, e := pass()
		if e != nil {
			return nil, fmt.Errorf("reading the passphrase: %w", e)
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(key, []byte(phrase))
	}
	if err != nil {
		return nil, err
	}
	return func(commit []byte) (string, error) { return signSSH(signer, commit) }, nil
}

func signSSH(signer ssh.Signer, commit []byte) (string, error) {
	alg := signer.PublicKey().Type()
	if alg == ssh.KeyAlgoRSA {
		alg = ssh.KeyAlgoRSASHA512 // SHA-1 is no longer accepted by anybody
	}
	with, ok := signer.(ssh.AlgorithmSigner)
	if !ok {
		return "", fmt.Errorf("a key of type %s cannot sign", alg)
	}
	hash := sha512.Sum512(commit)
	sig, err := with.SignWithAlgorithm(rand.Reader, sshToSign(gitNamespace, "sha512", hash[:]), alg)
	if err != nil {
		return "", err
	}
	blob := append([]byte(sshMagic), ssh.Marshal(sshSignature{
		Version: 1, PublicKey: signer.PublicKey().Marshal(), Namespace: gitNamespace, HashAlg: "sha512", Signature: ssh.Marshal(sig),
	})...)
	var b strings.Builder
	b.WriteString(sshSigBegin + "\n")
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(blob)), 70) {
		b.Write(line)
		b.WriteByte('\n')
	}
	b.WriteString(sshSigEnd + "\n")
	return b.String(), nil
}

func sshToSign(namespace, alg string, hash []byte) []byte {
	return append([]byte(sshMagic), ssh.Marshal(sshSigned{Namespace: namespace, HashAlg: alg, Hash: hash})...)
}

// sshSigner is one line of an allowed_signers file.
type sshSigner struct {
	principals    string
	key           ssh.PublicKey
	namespaces    []string // nil: all
	after, before time.Time
}

// parseSSHSigner reads "PRINCIPALS [OPTIONS] TYPE KEY [COMMENT]".
func parseSSHSigner(line string) (s sshSigner, err error) {
	principals, rest, ok := strings.Cut(line, " ")
	if !ok {
		return s, errors.New("expected: PRINCIPALS [OPTIONS] KEYTYPE KEY")
	}
	s.principals = strings.Trim(principals, `"`)
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return s, fmt.Errorf("no SSH public key after %q: %w", principals, err)
	}
	s.key = key
	for _, o := range options {
		name, value, _ := strings.Cut(o, "=")
		value = strings.Trim(value, `"`)
		switch strings.ToLower(name) {
		case "namespaces":
			s.namespaces = strings.Split(value, ",")
		case "valid-after":
			s.after, err = sshTime(value)
		case "valid-before":
			s.before, err = sshTime(value)
		case "cert-authority":
			err = errors.New("cert-authority is not supported here: name the keys themselves")
		default:
			err = fmt.Errorf("option %q is not known", name)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// sshTime reads YYYYMMDD[HHMM[SS]][Z] (ssh-keygen(1)); without Z it is local time.
func sshTime(text string) (time.Time, error) {
	loc := time.Local
	if t, ok := strings.CutSuffix(text, "Z"); ok {
		text, loc = t, time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time like 20261231 or 20261231235959Z", text)
}

func (s sshSigner) counts(at time.Time) error {
	switch {
	case s.namespaces != nil && !slices.ContainsFunc(s.namespaces, func(p string) bool { ok, _ := path.Match(p, gitNamespace); return ok }):
		return errors.New("the key is allowed for other things than git")
	case !s.after.IsZero() && at.Before(s.after):
		return fmt.Errorf("the key counts from %s only", s.after.UTC().Format(time.RFC3339))
	case !s.before.IsZero() && !at.Before(s.before):
		return fmt.Errorf("the key counted until %s", s.before.UTC().Format(time.RFC3339))
	}
	return nil
}

func (s *Signers) verifySSH(commit []byte, armored string, at time.Time) (string, error) {
	sig, key, err := parseSSHSignature(armored)
	if err != nil {
		return "", fmt.Errorf("its SSH signature is malformed: %w", err)
	}
	var hash []byte
	switch sig.HashAlg {
	case "sha512":
		sum := sha512.Sum512(commit)
		hash = sum[:]
	case "sha256":
		sum := sha256.Sum256(commit)
		hash = sum[:]
	default:
		return "", fmt.Errorf("its SSH signature uses the hash %q", sig.HashAlg)
	}
	if sig.Namespace != gitNamespace {
		return "", fmt.Errorf("its SSH signature is for %q, not for git", sig.Namespace)
	}
	var inner ssh.Signature
	if err := ssh.Unmarshal(sig.Signature, &inner); err != nil {
		return "", fmt.Errorf("its SSH signature is malformed: %w", err)
	}
	if inner.Format == ssh.KeyAlgoRSA || inner.Format == ssh.InsecureKeyAlgoDSA {
		return "", fmt.Errorf("its SSH signature uses %s, which is too weak", inner.Format)
	}
	if err := key.Verify(sshToSign(sig.Namespace, sig.HashAlg, hash), &inner); err != nil {
		return "", fmt.Errorf("its SSH signature does not fit: %w", err)
	}
	return s.sshHolder(key, at)
}

// sshHolder finds whose key it is.
func (s *Signers) sshHolder(key ssh.PublicKey, at time.Time) (string, error) {
	why := fmt.Errorf("its key %s is not in %s", ssh.FingerprintSHA256(key), s.file)
	for _, one := range s.ssh {
		if string(one.key.Marshal()) != string(key.Marshal()) {
			continue
		}
		err := one.counts(at)
		if err == nil {
			return one.principals, nil
		}
		why = fmt.Errorf("signed by %s: %w", one.principals, err)
	}
	return "", why
}

func parseSSHSignature(armored string) (sig sshSignature, key ssh.PublicKey, err error) {
	body, ok := strings.CutPrefix(armored, sshSigBegin)
	if ok {
		body, ok = strings.CutSuffix(body, sshSigEnd)
	}
	if !ok {
		return sig, nil, errors.New("it is cut off")
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(strings.Join(strings.Fields(body), ""))
	if err != nil {
		return sig, nil, err
	}
	rest, ok := strings.CutPrefix(string(blob), sshMagic)
	if !ok {
		return sig, nil, errors.New("it does not begin with " + sshMagic)
	}
	if err := ssh.Unmarshal([]byte(rest), &sig); err != nil {
		return sig, nil, err
	}
	if sig.Version != 1 || sig.Reserved != "" {
		return sig, nil, fmt.Errorf("it is of version %d", sig.Version)
	}
	key, err = ssh.ParsePublicKey(sig.PublicKey)
	return sig, key, err
}
