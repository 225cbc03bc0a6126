package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/dashkeep/dashkeep/internal/config"
)

func (a *app) configCmd() *cobra.Command {
	c := &cobra.Command{
		Use:   "config",
		Short: "The config file's own form",
		Args:  exactly(1, "a subcommand: schema"),
		RunE: func(c *cobra.Command, args []string) error {
			return usageError{fmt.Sprintf("unknown subcommand %q: use schema", args[0])}
		},
	}
	c.AddCommand(&cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the config file",
		Long: `Prints a JSON Schema, made from the same structs that read the file. Editors
complete and check from it with this first line in dashkeep.yaml:

  # yaml-language-server: $schema=dashkeep.schema.json`,
		Example: "  dashkeep config schema > dashkeep.schema.json",
		Args:    exactly(0, "no arguments"),
		RunE: func(*cobra.Command, []string) error {
			data, err := config.Schema(a.configOptions().PlatformOptions)
			if err != nil {
				return err
			}
			_, err = a.out.Write(data)
			return err
		},
	})
	return c
}
