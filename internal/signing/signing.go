// Package signing signs Git commits and tells who signed them, with SSH and OpenPGP
// keys, in the forms of git commit -S and git verify-commit. It runs no program.
package signing

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Signer returns an armored signature of an encoded commit: repo.Options.Sign.
type Signer func(commit []byte) (string, error)

// Passphrase opens an encrypted key; it is asked for only when one is needed.
type Passphrase func() (string, error)

// ErrUnsigned: there is no signature.
var ErrUnsigned = errors.New("it is not signed")

// Signers are the keys whose signatures count.
type Signers struct {
	file string
	ssh  []sshSigner
	pgp  pgpKeys
}

const (
	pgpKeyBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
	pgpKeyEnd   = "-----END PGP PUBLIC KEY BLOCK-----"
	pgpSigBegin = "-----BEGIN PGP SIGNATURE-----"
	sshSigBegin = "-----BEGIN SSH SIGNATURE-----"
	sshSigEnd   = "-----END SSH SIGNATURE-----"
)

// ParseSigners reads lines of OpenSSH's allowed_signers file (ssh-keygen(1)) and
// armored OpenPGP public keys, in any order. Errors carry file and line.
func ParseSigners(file string, data []byte) (*Signers, error) {
	s := &Signers{file: file}
	var block []string
	begun := 0
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimRight(line, "\r")
		bad := func(err error) error { return fmt.Errorf("%s:%d: %w", file, cmp.Or(begun, i+1), err) }
		switch text := strings.TrimSpace(line); {
		case block != nil:
			block = append(block, line)
			if text == pgpKeyEnd {
				if err := s.pgp.add(strings.Join(block, "\n")); err != nil {
					return nil, bad(err)
				}
				block, begun = nil, 0
			}
		case text == pgpKeyBegin:
			block, begun = []string{line}, i+1
		case text == "" || text[0] == '#':
		default:
			one, err := parseSSHSigner(text)
			if err != nil {
				return nil, bad(err)
			}
			s.ssh = append(s.ssh, one)
		}
	}
	if block != nil {
		return nil, fmt.Errorf("%s:%d: the key block does not end", file, begun)
	}
	if len(s.ssh) == 0 && s.pgp.empty() {
		return nil, fmt.Errorf("%s names no signer: add lines like `ada@example.com ssh-ed25519 AAAA…`, or armored OpenPGP public keys", file)
	}
	return s, nil
}

// Verify says who signed a commit. at is when it was made: a key's validity is
// judged by that, as git does. An error says why the signature does not count.
func (s *Signers) Verify(commit []byte, signature string, at time.Time) (who string, err error) {
	switch sig := strings.TrimSpace(signature); {
	case sig == "":
		return "", ErrUnsigned
	case strings.HasPrefix(sig, sshSigBegin):
		return s.verifySSH(commit, sig, at)
	case strings.HasPrefix(sig, pgpSigBegin):
		return s.pgp.verify(s.file, commit, sig, at)
	}
	first, _, _ := bytes.Cut([]byte(signature), []byte("\n"))
	return "", fmt.Errorf("its signature is of a form that is not known here (%.40q)", first)
}
