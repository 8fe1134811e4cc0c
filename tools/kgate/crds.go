package main

import "github.com/spf13/cobra"

func crdsFlag(cmd *cobra.Command, paths *[]string) {
	cmd.Flags().StringArrayVar(paths, "crds", nil, "file, directory or glob of further CustomResourceDefinitions (repeatable)")
}
