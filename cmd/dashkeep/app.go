package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dashkeep/dashkeep/internal/secret"
)

// app is what all commands share: where to read and write, and the global flags.
type app struct {
	in       io.Reader
	out, err io.Writer

	config  string
	output  string
	quiet   bool
	verbose bool
	noColor bool
	yes     bool

	redactor *secret.Redactor // knows every secret resolved so far
	rate     float64          // platform.Config.Rate
}

func newApp(in io.Reader, out, errw io.Writer) *app {
	return &app{in: in, out: out, err: errw, redactor: &secret.Redactor{}}
}

// execute runs one command line and returns the exit code. Errors are printed
// here and nowhere else.
func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	code := exitCode(ctx, err)
	var silent codeError
	if err != nil && !(errors.As(err, &silent) && silent.err == nil) {
		fmt.Fprintf(a.err, "dashkeep: %s\n", a.redactor.Scrub(safeText(err.Error())))
	}
	return code
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "dashkeep",
		Short: "Keep the dashboards of BI servers in Git, and put them back",
		Long: `dashkeep pulls what people built in a BI server, writes it as canonical YAML
into a Git repository, and plans, applies and restores it back. Everything it
writes to a server is read back and compared.

Exit codes: 0 done and verified, or nothing to do; 1 failed; 2 changes are
waiting (plan --detailed-exitcode); 3 some assets or instances failed, or a
brake held; 11 locked by another process; 12 login refused; 13 a conflict or an
uncommitted edit, a person must choose; 64 usage or config; 130/143 stopped by
a signal. Any other code means failure.`,
		Example: `  dashkeep demo                      the whole story in seconds, nothing needed
  dashkeep init https://superset.example.com
  dashkeep pull                      server to Git
  dashkeep plan prod                 what would Git change on the server?
  dashkeep apply prod                change it, read it back, compare
  dashkeep restore prod --at HEAD~3  put an old state back`,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.output != "text" && a.output != "json" {
				return usageError{fmt.Sprintf("--output %s: use text or json", a.output)}
			}
			return nil
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&a.config, "config", "", "config `file` (default: $DASHKEEP_CONFIG, ./dashkeep.yaml, $XDG_CONFIG_HOME/dashkeep/dashkeep.yaml)")
	f.StringVar(&a.output, "output", "text", "what to print on stdout: text or json")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "no progress, only results and errors")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log every step to stderr")
	f.BoolVar(&a.noColor, "no-color", false, "no colours (also: NO_COLOR)")
	f.BoolVarP(&a.yes, "yes", "y", false, "do not ask before writing to a server")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Sprintf("%v; see %s --help", err, c.CommandPath())}
	})
	root.AddCommand(a.demoCmd(), a.initCmd(), a.checkCmd(), a.pullCmd(), a.planCmd(), a.applyCmd(), a.restoreCmd(), a.undoCmd(), a.runsCmd(), a.resolveCmd(), a.bundleCmd(),
		a.manageCmd(), a.releaseCmd(), a.statusCmd(), a.lintCmd(), a.serveCmd(), a.configCmd(), a.versionCmd())
	a.completeInstances(root.Commands()...)
	return root
}

// exactly and between turn cobra's argument errors into usage errors.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != n {
			return usageError{fmt.Sprintf("%s wants %s; see %s --help", c.CommandPath(), what, c.CommandPath())}
		}
		return nil
	}
}

func between(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return usageError{fmt.Sprintf("%s wants %s; see %s --help", c.CommandPath(), what, c.CommandPath())}
		}
		return nil
	}
}

// terminal reports whether w is a terminal that people look at.
func terminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func (a *app) color() bool {
	return !a.noColor && os.Getenv("NO_COLOR") == "" && terminal(a.out)
}

// confirm asks on a terminal. Without one the answer is no unless --yes was
// given: nothing waits for a person who is not there.
func (a *app) confirm(question string) error {
	if a.yes {
		return nil
	}
	if !terminal(a.in) {
		return usageError{"nothing was written: say --yes to write without being asked"}
	}
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	var answer string
	if _, err := fmt.Fscanln(a.in, &answer); err != nil || (answer != "y" && answer != "yes") {
		return codeError{code: exitFailed, err: errors.New("nothing was written")}
	}
	return nil
}
