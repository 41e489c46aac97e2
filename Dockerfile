# Two stages: Node only copies the front-end files; what runs is Python alone, as nobody.
FROM node:22-bookworm-slim AS front-end
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts

FROM python:3.11-slim-bookworm
ENV PYTHONUNBUFFERED=1 CERTADMIN_DATA=/data CERTADMIN_STATIC=/app/staticfiles
WORKDIR /app
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
COPY --from=front-end /app/node_modules ./node_modules
RUN python certadmin/front_end.py \
 && CERTADMIN_SECRET_KEY=build-only python manage.py collectstatic --noinput --verbosity 0 \
 && rm -rf node_modules \
 && useradd --system --create-home certadmin \
 && mkdir /data && chown certadmin /data
USER certadmin
VOLUME /data
EXPOSE 8000
CMD ["python", "manage.py", "run", "web", "--host", "0.0.0.0", "--port", "8000"]
