#!/bin/sh
# embed.sh DIR FILE...: the console's files as C, for rest_web_page().
set -eu
shift
echo '#include "mgmt/rest/server.h"'
echo '#include <string.h>'
n=0
for f; do
	n=$((n + 1))
	src=$f
	[ -e "$src" ] || src=$(dirname "$0")/$(basename "$f")
	echo "static const unsigned char page_$n[] = {"
	od -An -v -tu1 "$src" | sed 's/[0-9][0-9]*/&,/g'
	echo '};'
done
echo 'static const struct { const char *path; const unsigned char *bytes; size_t len; const char *type; } pages[] = {'
n=0
for f; do
	n=$((n + 1))
	name=$(basename "$f")
	case $name in
	*.html) type='text/html; charset=utf-8' ;;
	*.js) type='text/javascript; charset=utf-8' ;;
	*.css) type='text/css; charset=utf-8' ;;
	*.svg) type='image/svg+xml' ;;
	esac
	[ "$name" != index.html ] || name=
	echo "{ \"/ui/$name\", page_$n, sizeof page_$n, \"$type\" },"
done
cat <<'END'
};
const char *
rest_web_page(const char *path, size_t *len, const char **type)
{
	for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
		if (strcmp(path, pages[i].path) == 0) {
			*len = pages[i].len;
			*type = pages[i].type;
			return (const char *)pages[i].bytes;
		}
	return NULL;
}
END
