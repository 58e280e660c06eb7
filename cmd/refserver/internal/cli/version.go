package cli

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version returns the command that prints version and build information.
func Version() Command {
	return Command{
		Name: "version", About: "print version and build information",
		Run: func(_ context.Context, t *Terminal, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				info = &debug.BuildInfo{}
			}
			_, err := fmt.Fprint(t.Out, versionText(info))
			return err
		},
	}
}

// ShortVersion returns the version in a few words.
func ShortVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(unknown)"
	}
	return info.Main.Version
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
