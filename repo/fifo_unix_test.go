//go:build unix

package repo_test

import "syscall"

func mkfifo(name string) error { return syscall.Mkfifo(name, 0o600) }
