package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/config"
)

// Open opens the repository at o.Path. A path that is missing or empty becomes
// a clone of o.Remote, or a new repository when there is no remote. A folder
// that holds other files is refused, and so is a repository that uses what this
// package does not handle (*UnsupportedError); neither is touched.
//
// With the process lock held, Open repairs what a crash left: temporary files,
// our lock files, a reference without content (from its reflog), working files
// that have not followed the branch. Lock files of git itself are left alone,
// since a git command may be running.
//
// Errors: *LockedError, *UnsupportedError, *BrokenError, those of Fetch.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	place, err := inspect(o.Path)
	if err != nil {
		return nil, err
	}
	if place.empty && o.ReadOnly {
		return nil, fmt.Errorf("there is no repository at %s yet; dashkeep pull clones the remote into it, or makes a new one", o.Path)
	}
	s := &Store{opt: o, gitDir: place.gitDir}
	if s.remote, err = newRemote(o); err != nil {
		return nil, err
	}
	if err := s.open(ctx, place); err != nil {
		s.closeFiles()
		return nil, err
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, place place) error {
	if err := s.takeLock(place); err != nil {
		return err
	}
	if place.empty {
		if err := s.create(); err != nil {
			return fmt.Errorf("creating repository %s: %w", s.opt.Path, err)
		}
	}
	cfg, err := checkSupported(s.opt.Path, s.gitDir, s.opt.ReadOnly)
	if err != nil {
		return err
	}
	s.tracking = s.isOrigin(cfg)
	if !place.bare {
		root, err := os.OpenRoot(s.opt.Path)
		if err != nil {
			return err
		}
		s.work = root
	}
	s.obj = newObjects(s.gitDir)
	if s.jour, err = openJournal(s.tmpDir()); err != nil {
		return err
	}
	if err := s.chooseBranch(ctx); err != nil {
		return err
	}
	if s.opt.ReadOnly {
		return nil
	}
	if place.empty {
		if err := s.setUpstream(); err != nil {
			return err
		}
	}
	if err := s.repair(ctx); err != nil {
		return err
	}
	return s.firstFetch(ctx)
}

func (s *Store) closeFiles() {
	if s.obj != nil {
		s.obj.close()
	}
	if s.work != nil {
		s.work.Close()
	}
	if s.lock != nil {
		s.lock.release()
	}
}

func (o Options) withDefaults() (Options, error) {
	if o.Path == "" {
		return o, errors.New("no repository path")
	}
	abs, err := filepath.Abs(o.Path)
	if err != nil {
		return o, err
	}
	o.Path = abs
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Committer.Name == "" && o.Committer.Email == "" {
		o.Committer = Signature{Name: "dashkeep", Email: "dashkeep@localhost"}
	}
	if o.Branch != "" {
		if err := checkRefName(headsPrefix + o.Branch); err != nil {
			return o, err
		}
	}
	return o, nil
}

// place is what stands at a path.
type place struct {
	gitDir string
	bare   bool
	empty  bool // nothing yet, or a creation that was interrupted
}

func inspect(path string) (place, error) {
	list, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(list) == 0 {
		return place{gitDir: filepath.Join(path, ".git"), empty: true}, nil
	}
	if err != nil {
		return place{}, fmt.Errorf("opening repository: %w", err)
	}
	git := filepath.Join(path, ".git")
	fi, err := os.Lstat(git)
	switch {
	case err == nil && fi.IsDir():
		if isGitDir(git) {
			return place{gitDir: git}, nil
		}
		if _, err := os.Lstat(filepath.Join(git, processLockName)); err == nil && len(list) == 1 {
			return place{gitDir: git, empty: true}, nil // our creation, interrupted
		}
		return place{}, &BrokenError{Path: path, What: ".git is not a Git folder (no HEAD, objects or refs)", Next: "move it away and start again"}
	case err == nil:
		return place{}, &UnsupportedError{path, "it is a linked worktree, a submodule or has its Git folder elsewhere (.git is not a folder)",
			"use the main repository, or a clone of its own"}
	case isGitDir(path):
		return place{gitDir: path, bare: true}, nil
	}
	return place{}, fmt.Errorf("%s is not empty and not a Git repository; nothing was touched; choose another path, or run git init there yourself", path)
}

func isGitDir(dir string) bool {
	if fi, err := os.Lstat(filepath.Join(dir, "HEAD")); err != nil || fi.IsDir() {
		return false
	}
	return isDirectory(filepath.Join(dir, "objects")) && isDirectory(filepath.Join(dir, "refs"))
}

func (s *Store) takeLock(p place) error {
	if s.opt.ReadOnly {
		return nil
	}
	if p.empty {
		if err := os.MkdirAll(s.gitDir, 0o777); err != nil {
			return fmt.Errorf("creating repository: %w", err)
		}
	}
	var err error
	s.lock, err = takeProcessLock(s.gitDir, s.opt.Path, s.opt.Now())
	return err
}

// create makes an empty repository. HEAD comes last: without it the folder is
// no repository, and the next Open starts again.
func (s *Store) create() error {
	fs := newSafeFS(s.gitDir)
	st := newStorage(fs)
	if err := st.Init(); err != nil {
		return err
	}
	branch := s.opt.Branch
	if branch == "" {
		branch = "main"
	}
	cfg := config.NewConfig()
	cfg.Core.IsBare = false
	cfg.Raw.Section("core").SetOption("logallrefupdates", "true")
	if s.remote != nil {
		cfg.Remotes["origin"] = &config.RemoteConfig{Name: "origin", URLs: []string{s.remote.clean},
			Fetch: []config.RefSpec{"+refs/heads/*:refs/remotes/origin/*"}}
	}
	if err := st.SetConfig(cfg); err != nil {
		return err
	}
	if err := ensureMark(s.tmpDir()); err != nil {
		return err
	}
	if err := replaceFile(s.tmpDir(), s.file("HEAD"), []byte("ref: "+headsPrefix+branch+"\n")); err != nil {
		return err
	}
	return syncDir(s.opt.Path)
}

// setUpstream lets a person's git pull and git push know where to.
func (s *Store) setUpstream() error {
	if s.remote == nil {
		return nil
	}
	st := newStorage(newSafeFS(s.gitDir))
	cfg, err := st.Config()
	if err != nil {
		return err
	}
	cfg.Branches[s.Branch()] = &config.Branch{Name: s.Branch(), Remote: "origin", Merge: headRefName(s.Branch())}
	return st.SetConfig(cfg)
}

// checkSupported refuses what would be handled wrongly.
func checkSupported(path, gitDir string, readOnly bool) (*config.Config, error) {
	data, err := readSmall(filepath.Join(gitDir, "config"), 4<<20)
	if err != nil {
		return nil, &BrokenError{Path: path, What: "its configuration cannot be read: " + err.Error(), Next: "restore .git/config"}
	}
	cfg := config.NewConfig()
	if err := cfg.Unmarshal(data); err != nil {
		return nil, &BrokenError{Path: path, What: "its configuration cannot be read: " + err.Error(), Next: "correct .git/config"}
	}
	if err := checkExtensions(path, cfg); err != nil {
		return nil, err
	}
	unsupported := func(what, next string) (*config.Config, error) {
		return nil, &UnsupportedError{path, what, next}
	}
	switch {
	case cfg.Raw.Section("core").Option("worktree") != "":
		return unsupported("core.worktree points elsewhere", "use a plain clone")
	case exists(filepath.Join(gitDir, "commondir")):
		return unsupported("it is a linked worktree", "use the main repository")
	case exists(filepath.Join(gitDir, "objects", "info", "alternates")):
		return unsupported("it borrows objects from another repository (objects/info/alternates)",
			"run: git repack -ad && rm .git/objects/info/alternates")
	case !readOnly && exists(filepath.Join(gitDir, "shallow")):
		return unsupported("it is a shallow clone, from which pushing is not safe", "run: git fetch --unshallow")
	}
	return cfg, nil
}

// isOrigin reports whether git's origin is the remote we follow.
func (s *Store) isOrigin(cfg *config.Config) bool {
	origin := cfg.Remotes["origin"]
	if s.remote == nil || origin == nil || len(origin.URLs) == 0 {
		return false
	}
	url, _ := redactURL(origin.URLs[0])
	return url == s.remote.clean
}

func checkExtensions(path string, cfg *config.Config) error {
	for _, opt := range cfg.Raw.Section("extensions").Options {
		switch key, value := strings.ToLower(opt.Key), strings.ToLower(opt.Value); key {
		case "noop", "worktreeconfig", "preciousobjects", "relativeworktrees":
		case "objectformat":
			if value != "sha1" {
				return &UnsupportedError{path, "its object format is " + value, "use a SHA-1 repository"}
			}
		case "partialclone":
			return &UnsupportedError{path, "it is a partial clone", "use a full clone"}
		case "refstorage":
			if value != "files" {
				return &UnsupportedError{path, "its ref storage is " + value, "run: git refs migrate --ref-format=files"}
			}
		default:
			return &UnsupportedError{path, "it uses the extension " + key, "use a repository without it"}
		}
	}
	return nil
}

// exists is true in doubt: nobody acts on the absence of what cannot be seen.
func exists(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// chooseBranch finds the followed branch: as told, what HEAD names, or what the
// remote's HEAD names for a clone without commits.
func (s *Store) chooseBranch(ctx context.Context) error {
	if s.opt.Branch != "" {
		s.branch = headsPrefix + s.opt.Branch
		return nil
	}
	head, err := s.headRef()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(head, headsPrefix) {
		return fmt.Errorf("repository %s has no branch checked out: name the branch to follow", s.opt.Path)
	}
	s.branch = head
	id, err := s.readRef(head)
	if err != nil || !id.IsZero() || s.remote == nil || s.opt.ReadOnly {
		return nil // a broken reference is repaired later
	}
	if past, err := s.reflogIDs(head); err != nil || len(past) > 0 {
		return err
	}
	name, err := s.remote.defaultBranch(ctx)
	if err != nil || name == "" || name == head {
		return err
	}
	s.branch = name
	return replaceFile(s.tmpDir(), s.file("HEAD"), []byte("ref: "+name+"\n"))
}

// firstFetch completes a clone: a branch without commits must not get a first
// commit of its own while the remote has history.
func (s *Store) firstFetch(ctx context.Context) error {
	id, err := s.readRef(s.branch)
	if err != nil || !id.IsZero() || s.remote == nil {
		return err
	}
	_, err = s.Fetch(ctx)
	return err
}
