// Command dashkeep keeps the dashboards of BI servers in Git: it pulls what
// people built, plans and applies what changed in Git, and restores any commit.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	os.Exit(run(newApp(os.Stdin, os.Stdout, os.Stderr), os.Args[1:]))
}

// run is main without the exit, so that tests can call it.
func run(app *app, args []string) int {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		s, ok := (<-signals).(syscall.Signal)
		if !ok {
			return
		}
		stop(signalError{s}) // the first one asks: what is in hand is finished
		<-signals
		os.Exit(128 + int(s)) // the second one insists
	}()
	return app.execute(ctx, args)
}
