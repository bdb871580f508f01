{{/* How the portal's nginx is started. */}}

{{/* "yes" if the proxy must ask the pod's own DNS servers for Grafana's name, which only a shell can tell nginx. */}}
{{- define "voice.asksPodsResolver" -}}
{{- $literal := regexMatch "^[0-9.]+$|:" (include "voice.grafanaHost" .) -}}
{{ if not (or $literal .Values.grafana.resolver) }}yes{{ end }}
{{- end }}

{{/* Where the proxy listens, with the .options of each. */}}
{{- define "voice.proxyListen" -}}
{{- $portal := .root.Values.portal }}
{{- with $portal.address }}
{{- $address := trimAll "[]" . -}}
listen {{ ternary (printf "[%s]" $address) $address (contains ":" $address) }}:{{ $portal.port }}{{ $.options }};
{{- else -}}
listen {{ $portal.port }}{{ .options }};
listen [::]:{{ $portal.port }}{{ .options }};
{{- end }}
{{- end }}

{{- define "voice.proxyCommand" -}}
- sh
- -ec
- |
  {{- if include "voice.asksPodsResolver" . }}
  # As resolv.conf(5) says: no server named means this machine. nginx takes IPv6 in brackets, and none with a zone.
  awk '$1 == "nameserver" && $2 !~ /%/ { s = s " " ($2 ~ /:/ ? "[" $2 "]" : $2) }
       END { print "resolver" (s ? s : " 127.0.0.1") " valid=30s;" }' /etc/resolv.conf > /run/voice-proxy/resolver.conf
  {{- end }}
  {{- if and .Values.grafana.caConfigMap (hasPrefix "https:" .Values.grafana.url) }}
  # nginx reads the authority when it starts, or is told to. The kubelet exchanges the file in place. Told of one that it
  # cannot read, nginx keeps what it has, and says so.
  authority=/etc/voice-grafana/ca.pem
  # With no certificate in it nginx does not start, and a container that ends is started again more and more rarely.
  trap 'exit 0' QUIT TERM
  until awk '/-----BEGIN CERTIFICATE-----/ { found = 1 } END { exit !found }' "$authority"; do
    echo "not ready: $authority, of the ConfigMap {{ .Values.grafana.caConfigMap }}, holds no certificate: it must be the authority's, in PEM" >&2
    sleep 5
  done
  trap - QUIT TERM
  # This shell's process id, which nginx will have. Not by two dollars: of those, the kubelet takes one away.
  own=$(exec sh -c 'echo $PPID')
  watch_authority() {
    before=$(cksum < "$authority")
    while sleep 5 && kill -0 "$own"; do
      now=$(cksum < "$authority") || continue
      if [ "$now" != "$before" ]; then kill -HUP "$own"; fi
      before=$now
    done 2>/dev/null
  }
  watch_authority &
  {{- end }}
  # In place of this shell: signals reach nginx itself, with this shell's process id.
  exec nginx -e stderr -c /etc/voice-proxy/nginx.conf
{{- end }}
