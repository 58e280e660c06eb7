package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version prints version and build information.
func Version(_ context.Context, t *Terminal, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("version: unknown argument %.40q", args[0])
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	_, err := fmt.Fprint(t.Out, versionText(info))
	return err
}

func versionText(info *debug.BuildInfo) string {
	of := map[string]string{}
	for _, s := range info.Settings {
		of[s.Key] = s.Value
	}
	version, revision := info.Main.Version, of["vcs.revision"]
	if version == "" {
		version = "(unknown)"
	}
	switch {
	case revision == "":
		revision = "(unknown: built without version control)"
	case of["vcs.modified"] == "true":
		revision += " of " + of["vcs.time"] + ", modified"
	default:
		revision += " of " + of["vcs.time"]
	}
	return fmt.Sprintf("version   %s\nrevision  %s\nmodule    %s\ngo        %s %s/%s\n",
		version, revision, info.Main.Path, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
