{{/*
The pod of a process, one for all three kinds:
  {root, component, pool, block, image, models, args, account, token, grace, termination, env, probes, tls}
`block` has the keys that api, scaler and workers share; `models` is absent where none are needed.
*/}}
{{- define "voicefleet.pod" -}}
{{- $root := .root -}}
metadata:
  labels:
    {{- include "voicefleet.selector" . | nindent 4 }}
    {{- with $root.Values.commonLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with .block.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    # A changed setting is a changed pod: processes read settings once.
    checksum/settings: {{ include "voicefleet.settings" $root | sha256sum }}
    {{- if .scaling }}
    checksum/scaling: {{ include "voicefleet.scaling" $root | sha256sum }}
    {{- end }}
    {{- with .annotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- with .block.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ .account }}
  automountServiceAccountToken: {{ .token | default false }}
  # Kubernetes would set VOICEFLEET_..._PORT for each Service, and the program reads VOICEFLEET_*.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .termination }}
  {{- with .block.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with .runtimeClassName }}
  runtimeClassName: {{ . }}
  {{- end }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    seccompProfile: {type: RuntimeDefault}
  {{- if and .models (eq .models.source "init") }}
  initContainers:
    - name: models
      image: {{ include "voicefleet.image" (dict "root" $root "image" .models.init.image) | quote }}
      imagePullPolicy: {{ .models.init.image.pullPolicy }}
      args:
        - pull
        {{- range .models.init.names }}
        - {{ . | quote }}
        {{- end }}
      env:
        - {name: VOICEFLEET_MODELS, value: /models}
        - {name: HOME, value: /tmp}
      securityContext:
        {{- include "voicefleet.containerSecurity" . | nindent 8 }}
      resources:
        requests: {cpu: 100m, memory: 128Mi}
        limits: {memory: 1Gi}
      volumeMounts:
        - {name: models, mountPath: /models}
        - {name: tmp, mountPath: /tmp}
  {{- else if include "voicefleet.copiesLibraries" . }}
  initContainers:
    # Nothing that lies on a file system mounted noexec can be loaded as a library.
    - name: libraries
      image: {{ include "voicefleet.image" (dict "root" $root "image" .image) | quote }}
      imagePullPolicy: {{ .image.pullPolicy }}
      command: [cp, -R, /models/{{ include "voicefleet.libraries" . }}/., /libraries/]
      securityContext:
        {{- include "voicefleet.containerSecurity" . | nindent 8 }}
      resources:
        requests: {cpu: 50m, memory: 32Mi}
        limits: {memory: 128Mi}
      volumeMounts:
        {{- include "voicefleet.modelsMount" .models | nindent 8 }}
        - {name: libraries, mountPath: /libraries}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "voicefleet.image" (dict "root" $root "image" .image) | quote }}
      imagePullPolicy: {{ .image.pullPolicy }}
      args:
        {{- range .args }}
        - {{ . | quote }}
        {{- end }}
      envFrom:
        - configMapRef: {name: {{ include "voicefleet.fullname" $root }}-settings}
        {{- if .scaling }}
        - configMapRef: {name: {{ include "voicefleet.fullname" $root }}-scaling}
        {{- end }}
      # Secrets are files. KEDA resolves every Secret in the environment of what it scales, and scales nothing if
      # one is missing; and an environment is seen by more eyes than a file.
      env:
        - {name: VOICEFLEET_AMQP_URL_FILE, value: /etc/voicefleet/secrets/amqp-url}
        - {name: VOICEFLEET_REDIS_URL_FILE, value: /etc/voicefleet/secrets/redis-url}
        {{- if $root.Values.cache.existingSecret }}
        - {name: VOICEFLEET_CACHE_URL_FILE, value: /etc/voicefleet/secrets/cache-url}
        {{- end }}
        {{- if $root.Values.objects.existingSecret }}
        - {name: VOICEFLEET_OBJECTS_CREDENTIALS_FILE, value: /etc/voicefleet/secrets/objects-credentials}
        {{- end }}
        {{- if and (eq .component "api") $root.Values.keys.existingSecret }}
        - {name: VOICEFLEET_ADMIN_KEY_FILE, value: /etc/voicefleet/secrets/admin-key}
        {{- end }}
        - {name: VOICEFLEET_GRACE_SECONDS, value: {{ int .grace | quote }}}
        {{- if .models }}
        - {name: VOICEFLEET_MODELS, value: /models}
        {{- end }}
        {{- range .env }}
        - {{ toYaml . | nindent 10 | trim }}
        {{- end }}
        {{- range $key, $value := .block.extraEnv }}
        - {name: {{ $key }}, value: {{ $value | toString | quote }}}
        {{- end }}
      ports:
        - {name: http, containerPort: 8080, protocol: TCP}
        {{- range .ports }}
        - {{ toYaml . | nindent 10 | trim }}
        {{- end }}
      {{- toYaml .probes | nindent 6 }}
      {{- with .lifecycle }}
      lifecycle:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- include "voicefleet.containerSecurity" . | nindent 8 }}
      resources:
        {{- toYaml .resources | nindent 8 }}
      volumeMounts:
        - {name: secrets, mountPath: /etc/voicefleet/secrets, readOnly: true}
        - {name: tmp, mountPath: /tmp}
        {{- if .models }}
        {{- include "voicefleet.modelsMount" .models | nindent 8 }}
        {{- if include "voicefleet.copiesLibraries" . }}
        - {name: libraries, mountPath: /models/{{ include "voicefleet.libraries" . }}, readOnly: true}
        {{- end }}
        {{- end }}
        {{- if .tls }}
        - {name: tls, mountPath: /etc/voicefleet/tls, readOnly: true}
        {{- end }}
  volumes:
    - name: secrets
      projected:
        defaultMode: 292 # 0444
        sources:
          - secret: {name: {{ $root.Values.broker.existingSecret }}, items: [{key: {{ $root.Values.broker.key }}, path: amqp-url}]}
          - secret: {name: {{ $root.Values.redis.existingSecret }}, items: [{key: {{ $root.Values.redis.key }}, path: redis-url}]}
          {{- with $root.Values.cache }}
          {{- if .existingSecret }}
          - secret: {name: {{ .existingSecret }}, items: [{key: {{ .key }}, path: cache-url}]}
          {{- end }}
          {{- end }}
          {{- with $root.Values.objects }}
          {{- if .existingSecret }}
          - secret: {name: {{ .existingSecret }}, items: [{key: {{ .key }}, path: objects-credentials}]}
          {{- end }}
          {{- end }}
          {{- if and (eq .component "api") $root.Values.keys.existingSecret }}
          - secret: {name: {{ $root.Values.keys.existingSecret }}, items: [{key: {{ $root.Values.keys.key }}, path: admin-key}]}
          {{- end }}
    - name: tmp
      emptyDir: {sizeLimit: {{ .block.tmpSizeLimit }}}
    {{- if .models }}
    {{- include "voicefleet.modelsVolume" .models | nindent 4 }}
    {{- if include "voicefleet.copiesLibraries" . }}
    - name: libraries
      emptyDir: {sizeLimit: 256Mi}
    {{- end }}
    {{- end }}
    {{- with .tls }}
    - name: tls
      projected:
        defaultMode: 292 # 0444
        sources:
          - secret: {name: {{ .existingSecret }}, items: [{key: tls.crt, path: server.crt}, {key: tls.key, path: server.key}]}
          {{- if .clientSecret }}
          # Only the authority: KEDA's private key is not for the scaler.
          - secret: {name: {{ .clientSecret }}, items: [{key: ca.crt, path: client-ca.crt}]}
          {{- end }}
    {{- end }}
  {{- with .block.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  topologySpreadConstraints:
    {{- if .block.topologySpreadConstraints }}
    {{- toYaml .block.topologySpreadConstraints | nindent 4 }}
    {{- else }}
    {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "voicefleet.selector" $ | nindent 10 }}
    {{- end }}
    {{- end }}
{{- end }}

{{/* Admitted under the Pod Security Standard "restricted". */}}
{{- define "voicefleet.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "voicefleet.copiesLibraries" -}}
{{- with .models }}{{ if and (eq .source "image") .image.copyLibraries }}true{{ end }}{{ end -}}
{{- end }}

{{/*
Folder of the library that a pool computes with, among its models: {pool, block}.
*/}}
{{- define "voicefleet.libraries" -}}
{{- if eq (.pool | default "") "whisper" }}ctranslate2
{{- else if eq (.block.hardware | default "") "gpu" }}onnxruntime-cuda
{{- else }}onnxruntime
{{- end }}
{{- end }}

{{- define "voicefleet.modelsVolume" -}}
- name: models
{{- if eq .source "image" }}
  image:
    reference: {{ .image.reference | quote }}
    pullPolicy: {{ .image.pullPolicy }}
{{- else if eq .source "pvc" }}
  persistentVolumeClaim: {claimName: {{ .pvc.claimName }}, readOnly: true}
{{- else }}
  emptyDir: {sizeLimit: {{ .init.sizeLimit }}}
{{- end }}
{{- end }}

{{- define "voicefleet.modelsMount" -}}
- name: models
  mountPath: /models
  readOnly: true
{{- $folder := "" }}
{{- if eq .source "image" }}{{ $folder = .image.subPath }}{{ end }}
{{- if eq .source "pvc" }}{{ $folder = .pvc.subPath }}{{ end }}
{{- with $folder }}
  subPath: {{ . | quote }}
{{- end }}
{{- end }}

{{/*
Liveness is the process alone: a broker that is away must not restart anybody. A start is looked at every second, so
that a cold start loses no more than that; no more than three minutes, models are loaded with the first job.
*/}}
{{- define "voicefleet.probes" -}}
startupProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 1
  failureThreshold: 180
livenessProbe:
  httpGet: {path: /livez, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end }}
