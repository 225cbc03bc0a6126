package signing

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// OpenPGP signs with an armored private key, as gpg --export-secret-keys --armor
// writes it.
func OpenPGP(armored []byte, pass Passphrase, now func() time.Time) (Signer, error) {
	keys, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(armored))
	if err != nil {
		return nil, err
	}
	conf := &packet.Config{Time: now}
	for _, e := range keys {
		key, ok := e.SigningKey(now())
		if !ok || key.PrivateKey == nil {
			continue
		}
		if key.PrivateKey.Encrypted {
			if pass == nil {
				return nil, errors.New("the key is encrypted and no passphrase is configured")
			}
			phrase, err := pass()
			if err != nil {
				return nil, fmt.Errorf("reading the passphrase: %w", err)
			}
			if err := e.DecryptPrivateKeys([]byte(phrase)); err != nil {
				return nil, fmt.Errorf("the passphrase does not open the key: %w", err)
			}
		}
		return func(commit []byte) (string, error) {
			var b strings.Builder
			err := openpgp.ArmoredDetachSign(&b, e, bytes.NewReader(commit), conf)
			return b.String() + "\n", err
		}, nil
	}
	return nil, errors.New("it holds no private key that can sign now (expired, or a public key?)")
}

// pgpKeys are the OpenPGP keys whose signatures count.
type pgpKeys struct{ ring openpgp.EntityList }

func (k *pgpKeys) empty() bool { return len(k.ring) == 0 }

func (k *pgpKeys) add(block string) error {
	keys, err := openpgp.ReadArmoredKeyRing(strings.NewReader(block))
	if err != nil {
		return fmt.Errorf("no OpenPGP public key: %w", err)
	}
	k.ring = append(k.ring, keys...)
	return nil
}

func (k *pgpKeys) verify(file string, commit []byte, armored string, at time.Time) (string, error) {
	e, err := openpgp.CheckArmoredDetachedSignature(k.ring, bytes.NewReader(commit), strings.NewReader(armored), &packet.Config{Time: func() time.Time { return at }})
	switch {
	case err == nil:
		if id := e.PrimaryIdentity(); id != nil {
			return id.Name, nil
		}
		return strings.ToUpper(fmt.Sprintf("%x", e.PrimaryKey.Fingerprint)), nil
	case errors.Is(err, pgperrors.ErrUnknownIssuer):
		return "", fmt.Errorf("its OpenPGP key is not in %s", file)
	}
	return "", fmt.Errorf("its OpenPGP signature does not count: %w", err)
}
