package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/dashkeep/dashkeep/internal/config"
	"github.com/dashkeep/dashkeep/internal/platform"
	"github.com/dashkeep/dashkeep/repo"
	syncer "github.com/dashkeep/dashkeep/sync"
)

// The exit codes of SPEC promise 10. An unknown code means failure.
const (
	exitOK       = 0
	exitFailed   = 1
	exitChanges  = 2
	exitPartial  = 3
	exitLocked   = 11
	exitLogin    = 12
	exitConflict = 13
	exitUsage    = 64
)

// precedence is which of several codes wins.
var precedence = [...]int{exitUsage, exitLocked, exitFailed, exitPartial, exitConflict, exitChanges}

// worst is the code that a command with these outcomes exits with.
func worst(codes ...int) int {
	for _, p := range precedence {
		for _, c := range codes {
			if c == p {
				return c
			}
		}
	}
	for _, c := range codes {
		if c != exitOK {
			return c
		}
	}
	return exitOK
}

// codeError carries an exit code with a message that was printed already or
// is empty.
type codeError struct {
	code int
	err  error // nil: the report said it
}

func (e codeError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}
func (e codeError) Unwrap() error { return e.err }

// usageError is a wrong call: exit 64.
type usageError struct{ msg string }

func (e usageError) Error() string { return e.msg }

// signalError is why a context ended when a signal came.
type signalError struct{ sig syscall.Signal }

func (e signalError) Error() string { return "stopped by " + e.sig.String() }

// exitCode maps an error to the code of the contract.
func exitCode(ctx context.Context, err error) int {
	var sig signalError
	if errors.As(context.Cause(ctx), &sig) {
		return 128 + int(sig.sig)
	}
	var (
		coded    codeError
		usage    usageError
		conf     *config.Error
		unknown  *syncer.UnknownInstanceError
		pullOnly *syncer.PullOnlyError
		locked   *repo.LockedError
		login    *platform.LoginError
		diverged *repo.DivergedError
		held     *syncer.HeldError
		find     *syncer.FindError
		noRun    *syncer.UnknownRunError
		dirty    *syncer.DirtyError
		nothing  *syncer.NothingSelectedError
	)
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &coded):
		return coded.code
	case errors.As(err, &usage), errors.As(err, &conf), errors.As(err, &unknown), errors.As(err, &pullOnly), errors.As(err, &nothing), errors.As(err, &find), errors.As(err, &noRun):
		return exitUsage
	case errors.As(err, &locked), errors.Is(err, repo.ErrLeased):
		return exitLocked
	case errors.As(err, &login):
		return exitLogin
	case errors.As(err, &diverged), errors.As(err, &dirty):
		return exitConflict
	case errors.As(err, &held):
		return exitPartial
	}
	return exitFailed
}
