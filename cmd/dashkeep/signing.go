package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/dashkeep/dashkeep/internal/config"
	"github.com/dashkeep/dashkeep/internal/signing"
	"github.com/dashkeep/dashkeep/repo"
)

// signerOf makes what signs commits, nil when the config has no key.
func signerOf(ctx context.Context, cfg *config.Config, readOnly bool) (signing.Signer, error) {
	c := cfg.Repo.Sign
	if c.KeyFile == "" || readOnly {
		return nil, nil
	}
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("repo.sign: %w", err)
	}
	var pass signing.Passphrase
	if !c.Passphrase.IsZero() {
		pass = func() (string, error) { return c.Passphrase.Resolve(ctx) }
	}
	var sign signing.Signer
	if c.Format == config.SignOpenPGP {
		sign, err = signing.OpenPGP(key, pass, time.Now)
	} else {
		sign, err = signing.SSH(key, pass)
	}
	if err != nil {
		return nil, fmt.Errorf("repo.sign: %s is no %s key to sign with: %w", c.KeyFile, c.Format, err)
	}
	return sign, nil
}

// signedBy makes what says who signed a commit, nil when nobody need have. The file
// is read each time: a key that was taken out must not count until a restart.
func signedBy(cfg *config.Config) (func(repo.Signed) (string, error), error) {
	file := cfg.Repo.AllowedSigners
	if !cfg.Repo.RequireSigned {
		return nil, nil
	}
	load := func() (*signing.Signers, error) {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("repo.allowed_signers: %w", err)
		}
		return signing.ParseSigners(file, data)
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	return func(c repo.Signed) (string, error) {
		s, err := load()
		if err != nil {
			return "", err
		}
		return s.Verify(c.Content, c.Signature, c.Committed)
	}, nil
}
