{{/*
The enabled pools by name, as JSON: `workers` with what the pool replaces, and everything that is worked out from it.
All other templates read pools from here only.
*/}}
{{- define "voicefleet.pools" -}}
{{- $root := . -}}
{{- $pools := dict -}}
{{- range $name, $own := .Values.pools -}}
{{- if $own.enabled -}}
{{- $pool := mergeOverwrite (deepCopy $root.Values.workers) (deepCopy $own) -}}
{{- $gpu := eq $pool.hardware "gpu" -}}
{{- $spot := $pool.spot.enabled -}}
{{- $grace := ternary 570 60 $gpu -}}
{{- if $spot }}{{ $grace = min $grace (int $pool.spot.noticeSeconds) }}{{ end -}}
{{- if not (kindIs "invalid" $pool.graceSeconds) }}{{ $grace = int $pool.graceSeconds }}{{ end -}}
{{- $_ := set $pool "graceSeconds" $grace -}}
{{- $_ := set $pool "terminationSeconds" (add $grace 30) -}}
{{- $_ := set $pool "cooldownSeconds" (int ($pool.cooldownSeconds | default (ternary 600 120 $gpu))) -}}
{{- $_ := set $pool "image" (mergeOverwrite (deepCopy $root.Values.image) $pool.image) -}}
{{- $_ := set $pool "models" (mergeOverwrite (deepCopy $root.Values.models) $pool.models) -}}
{{- if and $gpu (eq $pool.models.source "init") -}}
{{- /* Whatever else is fetched, what the GPU computes with is, too. */ -}}
{{- $names := $pool.models.init.names -}}
{{- if eq $name "kokoro" }}{{ $names = append $names "onnxruntime-cuda" }}{{ end -}}
{{- if and (eq $name "whisper") (not (regexMatch "-ct2( |$)|(^| )all( |$)" (join " " $names))) }}{{ $names = append $names "whisper-base-ct2" }}{{ end -}}
{{- $_ := set $pool.models.init "names" ($names | uniq) -}}
{{- end -}}
{{- $_ := set $pool "behavior" (include "voicefleet.behavior" (dict "root" $root "pool" $pool) | fromYaml) -}}
{{- $_ := set $pool "fullname" (printf "%s-worker-%s" (include "voicefleet.fullname" $root) $name) -}}
{{- $_ := set $pools $name $pool -}}
{{- end -}}
{{- end -}}
{{- toJson $pools -}}
{{- end }}

{{/*
How the HPA moves a pool: {root, pool}. Always written out. Without it the HPA repeats old recommendations after a
fast 0 -> 1 and starts workers for nothing.
*/}}
{{- define "voicefleet.behavior" -}}
{{- $gpu := eq .pool.hardware "gpu" -}}
scaleUp:
{{- with .pool.behavior.scaleUp }}
  {{- toYaml . | nindent 2 }}
{{- else }}
  # All that is wanted, at once: the figure is workers, worked out from the work that waits.
  stabilizationWindowSeconds: 0
  selectPolicy: Max
  policies:
    - {type: Pods, value: {{ int .pool.maxReplicas }}, periodSeconds: 15}
  {{- if semverCompare ">=1.35-0" .root.Capabilities.KubeVersion.Version }}
  # Else 11 workers instead of 10 would be ignored as within a tenth. Beta and on since 1.35.
  tolerance: 0
  {{- end }}
{{- end }}
scaleDown:
{{- with .pool.behavior.scaleDown }}
  {{- toYaml . | nindent 2 }}
{{- else }}
  {{- if $gpu }}
  # A GPU node is slow to come back.
  stabilizationWindowSeconds: 300
  selectPolicy: Max
  policies:
    - {type: Pods, value: 1, periodSeconds: 60}
  {{- else }}
  stabilizationWindowSeconds: 120
  selectPolicy: Max
  policies:
    - {type: Percent, value: 50, periodSeconds: 60}
  {{- end }}
{{- end }}
{{- end }}

{{/* What all processes must agree on: data of a ConfigMap. */}}
{{- define "voicefleet.settings" -}}
VOICEFLEET_LISTEN: "0.0.0.0:8080"
VOICEFLEET_LOG_FORMAT: {{ .Values.settings.logFormat | quote }}
{{- with .Values.settings.log }}
VOICEFLEET_LOG: {{ . | quote }}
{{- end }}
{{- with .Values.settings.otlpEndpoint }}
VOICEFLEET_OTLP_ENDPOINT: {{ . | quote }}
{{- end }}
VOICEFLEET_CACHE_MIB: {{ int .Values.settings.cacheMib | quote }}
VOICEFLEET_MAX_UPLOAD_MIB: {{ int .Values.settings.maxUploadMib | quote }}
VOICEFLEET_MAX_AUDIO_SECONDS: {{ int .Values.settings.maxAudioSeconds | quote }}
VOICEFLEET_MAX_ATTEMPTS: {{ int .Values.settings.maxAttempts | quote }}
VOICEFLEET_CHUNK_TIMEOUT_SECONDS: {{ int .Values.settings.chunkTimeoutSeconds | quote }}
VOICEFLEET_JOB_TIMEOUT_SECONDS: {{ int .Values.settings.jobTimeoutSeconds | quote }}
VOICEFLEET_IDLE_RELEASE_SECONDS: {{ int .Values.settings.idleReleaseSeconds | quote }}
VOICEFLEET_SYNC_WAIT_SECONDS: {{ int .Values.settings.syncWaitSeconds | quote }}
VOICEFLEET_MAX_CONNECTIONS: {{ int .Values.settings.maxConnections | quote }}
VOICEFLEET_MAX_LIVE_SESSIONS: {{ int .Values.settings.maxLiveSessions | quote }}
VOICEFLEET_HEADER_TIMEOUT_SECONDS: {{ int .Values.settings.headerTimeoutSeconds | quote }}
{{- with .Values.settings.publicUrl }}
VOICEFLEET_PUBLIC_URL: {{ . | quote }}
{{- end }}
VOICEFLEET_WEBHOOKS_TO_HTTP: {{ .Values.settings.webhooksToHttp | quote }}
VOICEFLEET_WEBHOOKS_TO_PRIVATE: {{ .Values.settings.webhooksToPrivate | quote }}
VOICEFLEET_STANDARD_SHARE: {{ int .Values.tiers.standardShare | quote }}
VOICEFLEET_BATCH_SHARE: {{ int .Values.tiers.batchShare | quote }}
{{- if .Values.objects.url }}
VOICEFLEET_OBJECTS_URL: {{ .Values.objects.url | quote }}
VOICEFLEET_OBJECTS_OVER_KIB: {{ int .Values.objects.overKib | quote }}
{{- with .Values.objects.endpoint }}
VOICEFLEET_OBJECTS_ENDPOINT: {{ . | quote }}
{{- end }}
{{- with .Values.objects.region }}
VOICEFLEET_OBJECTS_REGION: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/*
How the fleet is scaled and split, for the scaler and the API: data of a ConfigMap of its own, so that another split
restarts no worker.
*/}}
{{- define "voicefleet.scaling" -}}
{{- $pools := include "voicefleet.pools" . | fromJson -}}
{{- $cooldown := 0 -}}
{{- range $name := list "piper" "kokoro" "whisper" }}
{{- $engine := upper $name }}
{{- with get $pools $name }}
VOICEFLEET_{{ $engine }}_SHARE: {{ int .share | quote }}
VOICEFLEET_{{ $engine }}_HARDWARE: {{ .hardware | quote }}
VOICEFLEET_{{ $engine }}_SLOTS: {{ int .slots | quote }}
VOICEFLEET_{{ $engine }}_MAX: {{ int .maxReplicas | quote }}
{{- if and (eq $name "whisper") (eq .hardware "gpu") }}
# The API then takes models that a GPU can compute where none is asked for.
VOICEFLEET_WHISPER_DEVICE: cuda
{{- end }}
{{- $cooldown = max $cooldown (int .cooldownSeconds) }}
{{- else }}
VOICEFLEET_{{ $engine }}_SHARE: "0"
{{- end }}
{{- end }}
{{- with .Values.scaling.budget.cpuSlots }}
VOICEFLEET_CPU_BUDGET: {{ int . | quote }}
{{- end }}
{{- with .Values.scaling.budget.gpuSlots }}
VOICEFLEET_GPU_BUDGET: {{ int . | quote }}
{{- end }}
VOICEFLEET_REALTIME_DRAIN_SECONDS: {{ int .Values.tiers.drainSeconds.realtime | quote }}
VOICEFLEET_STANDARD_DRAIN_SECONDS: {{ int .Values.tiers.drainSeconds.standard | quote }}
VOICEFLEET_BATCH_DRAIN_SECONDS: {{ int .Values.tiers.drainSeconds.batch | quote }}
# The longest of the pools: so long the scaler keeps all of them awake after an outage.
VOICEFLEET_COOLDOWN_SECONDS: {{ $cooldown | quote }}
{{- end }}
