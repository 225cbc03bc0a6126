//go:build !unix

package repo_test

import "errors"

func mkfifo(string) error { return errors.ErrUnsupported }
