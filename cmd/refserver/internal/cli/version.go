package cli

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
)

// Version returns the command that prints version and build information.
func Version(linked string) Command {
	return Command{
		Name: "version", About: "print version and build information",
		Run: func(_ context.Context, t *Terminal, _ []string) error {
			info, ok := debug.ReadBuildInfo()
			if !ok {
				info = &debug.BuildInfo{}
			}
			_, err := fmt.Fprint(t.Out, versionText(linked, info))
			return err
		},
	}
}

// Release returns the version that was set when the program was linked, or else that
// of the module, which go install and a build in a checkout know.
func Release(linked string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return release(linked, info)
}

func release(linked string, info *debug.BuildInfo) string {
	return cmp.Or(linked, info.Main.Version, "(unknown)")
}

func versionText(linked string, info *debug.BuildInfo) string {
	of := map[string]string{}
	for _, s := range info.Settings {
		of[s.Key] = s.Value
	}
	revision := of["vcs.revision"]
	switch {
	case revision == "":
		revision = "(unknown: built without version control)"
	case of["vcs.modified"] == "true":
		revision += " of " + of["vcs.time"] + ", modified"
	default:
		revision += " of " + of["vcs.time"]
	}
	return fmt.Sprintf("version   %s\nrevision  %s\nmodule    %s\ngo        %s %s/%s\n",
		release(linked, info), revision, info.Main.Path, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
