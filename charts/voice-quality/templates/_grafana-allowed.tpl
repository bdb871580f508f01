{{/* The rows of a map of nginx from "$request_method $request_uri" to a name in files/grafana-allowed.yaml. */}}
{{- define "voice.grafanaAllowed" -}}
{{- $words := dict
  "{uid}" "[A-Za-z0-9_-]{1,40}"
  "{slug?}" "(?:/[A-Za-z0-9_-]*)?"
  "{slash?}" "/?"
  "{dto?}" "(?:/dto)?"
  "{parents?}" "(?:/parents)?"
  "{version}" "v[0-9]+(?:(?:alpha|beta)[0-9]+)?"
  "{namespace}" "(?:default|org-[0-9]+)"
  "{file}" "(?:[A-Za-z0-9_@-][A-Za-z0-9._@~-]*/)*+[A-Za-z0-9_@-][A-Za-z0-9._@~-]*\\.(?:js|css|json|map|svg|png|gif|jpg|webp|ico|woff2?|ttf)"
-}}
{{- /* No encoded control character, #, %, &, ;, = or backslash. */}}
{{- $value := "(?:[A-Za-z0-9._~:,+*@/!()$'-]|%(?![01]|7[Ff]|2[356]|3[BbDd]|5[Cc])[0-9A-Fa-f]{2})*+" -}}
{{- range .Files.Get "files/grafana-allowed.yaml" | fromYamlArray }}
{{- $path := .path | replace "." "\\." }}
{{- range $word, $pattern := $words }}{{ $path = $path | replace $word $pattern }}{{ end }}
{{- $names := .query | join "|" | replace "{name}" "[A-Za-z0-9_]+" }}
{{- $query := printf "(?:\\?(?:(?:%s)(?:=%s)?(?:&(?=.)|$))*+)?" $names $value }}
"~^{{ ternary "(?:GET|HEAD)" .method (eq .method "GET") }} /grafana{{ $path }}{{ if .query }}{{ $query }}{{ end }}$" {{ .name }};
{{- end }}
{{- end }}
