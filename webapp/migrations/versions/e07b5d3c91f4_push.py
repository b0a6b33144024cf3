"""push"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = 'e07b5d3c91f4'
down_revision = 'f08b42d9c7e1'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('push_key',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('private_pem', sa.Text(), nullable=False),
    sa.Column('public', sa.String(length=120), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_push_key'))
    )
    op.create_table('push_subscription',
    sa.Column('endpoint', sa.String(length=1000), nullable=False),
    sa.Column('user_id', sa.Uuid(), nullable=False),
    sa.Column('p256dh', sa.String(length=120), nullable=False),
    sa.Column('auth', sa.String(length=40), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['user.id'], name=op.f('fk_push_subscription_user_id_user'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_push_subscription')),
    sa.UniqueConstraint('endpoint', name=op.f('uq_push_subscription_endpoint'))
    )
    with op.batch_alter_table('push_subscription', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_push_subscription_user_id'), ['user_id'], unique=False)
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.add_column(sa.Column('pushed_at', sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table('pop', schema=None) as batch_op:
        batch_op.add_column(sa.Column('pushed_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table('pop', schema=None) as batch_op:
        batch_op.drop_column('pushed_at')
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_column('pushed_at')
    op.drop_table('push_subscription')
    op.drop_table('push_key')
